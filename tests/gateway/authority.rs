//! Authorities and certificates for tests, made anew each time.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};

/// One that certifies.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM texts.
#[derive(Clone)]
pub(crate) struct Certified {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// What a certificate says.
pub(crate) struct Says<'s> {
    pub(crate) uris: &'s [&'s str],
    pub(crate) usage: ExtendedKeyUsagePurpose,
    /// From January to January.
    pub(crate) years: (i32, i32),
    pub(crate) serial: u64,
}

impl Default for Says<'_> {
    fn default() -> Self {
        Self {
            uris: &["ivr://gateway/almaty-1"],
            usage: ExtendedKeyUsagePurpose::ClientAuth,
            years: (2020, 4000),
            serial: 7,
        }
    }
}

fn params(says: &Says<'_>) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    for uri in says.uris {
        let uri = SanType::URI((*uri).try_into().expect("ASCII"));
        params.subject_alt_names.push(uri);
    }
    params.extended_key_usages = vec![says.usage.clone()];
    params.not_before = date_time_ymd(says.years.0, 1, 1);
    params.not_after = date_time_ymd(says.years.1, 1, 1);
    params.serial_number = Some(SerialNumber::from(says.serial));
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let common_name = rcgen::DnType::CommonName;
        params.distinguished_name.push(common_name, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn certify(&self, says: &Says<'_>) -> Certified {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(says).signed_by(&key, &self.0).expect("it signs");
        Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate of that gateway.
    pub(crate) fn gateway(&self, name: &str) -> Certified {
        self.certify(&Says {
            uris: &[&format!("ivr://gateway/{name}")],
            ..Says::default()
        })
    }

    /// A certificate of the service.
    pub(crate) fn service(&self) -> Certified {
        self.certify(&Says {
            uris: &[],
            usage: ExtendedKeyUsagePurpose::ServerAuth,
            ..Says::default()
        })
    }

    /// A list that revokes one serial number.
    pub(crate) fn revokes(&self, serial: u64) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.0).expect("it signs");
        list.pem().expect("PEM")
    }
}

/// A certificate that nobody vouches for.
pub(crate) fn self_signed() -> Certified {
    let key = KeyPair::generate().expect("a key");
    let certificate = params(&Says::default())
        .self_signed(&key)
        .expect("it signs");
    Certified {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}
