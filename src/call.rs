//! The words every room shares: what a call is made of, and nothing that acts.
//!
//! A caller's number, a login and what was said are masked types from here on: `Debug` and
//! `Display` never show them, only [`PhoneNumber::reveal`] and its likes do. Serialised they are
//! whole, because recordings and resume tokens need the plain value; logs never serialise them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Makes an enum with one stable lower-case name a variant: `as_str`, `FromStr`, `Display`, serde.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The one name of this value in flows, scripts, recordings and output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::call::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or($crate::call::UnknownName)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use named;

/// A name that is not in the closed set it was looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;

/// The gateway's name of a call: 1 to 128 printable ASCII characters without space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Arc<str>);

impl CallId {
    /// Longest accepted id; real gateways send UUIDs or SIP Call-IDs.
    pub const MAX_LEN: usize = 128;

    /// `None` unless it is 1 to 128 printable ASCII characters without space.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::MAX_LEN;
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// The id as the gateway wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A telephone number in E.164 (`+77011234567`). Masked in `Debug` and `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(Arc<str>);

impl PhoneNumber {
    /// Reads the forms in use: `+77011234567`, `87011234567`, `77011234567`, `7011234567`, with
    /// spaces, dashes and brackets, and `sip:`/`tel:` URIs. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let text = text.trim();
        let user = text
            .strip_prefix("sip:")
            .or_else(|| text.strip_prefix("tel:"))
            .unwrap_or(text);
        let user = user.split(['@', ';']).next().unwrap_or(user);
        let international = user.starts_with('+');
        let mut digits = String::with_capacity(16);
        for c in user.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '+' | ' ' | '-' | '(' | ')' | '.' => {}
                _ => return None,
            }
        }
        let e164 = match (digits.len(), digits.as_bytes().first()) {
            (7..=15, Some(_)) if international => digits,
            (11, Some(b'7')) => digits,
            (11, Some(b'8')) => format!("7{}", digits.get(1..)?),
            (10, Some(b'7')) => format!("7{digits}"),
            _ => return None,
        };
        Some(Self(format!("+{e164}").into()))
    }

    /// The whole number, for those who must dial, look up or record it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Shows the first four and the last two characters at most.
fn mask(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let head: String = text
        .chars()
        .take(if text.starts_with('+') { 4 } else { 0 })
        .collect();
    let tail = text.len().checked_sub(2).filter(|_| text.len() >= 8);
    let tail = tail.and_then(|at| text.get(at..)).unwrap_or("");
    write!(f, "{head}***{tail}")
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(f, &self.0)
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(f, &self.0)
    }
}

/// The login of one home-internet line: TM Forum `Service.id`. A string: zeros lead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Login(String);

impl Login {
    /// `None` unless it is 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// Nobody's line, where it is not known any more whose it was.
    pub fn nobody() -> Self {
        Self("unknown".to_owned())
    }

    /// The whole login.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its last four digits, by which Dana offers it when a number has several.
    pub fn last_digits(&self) -> String {
        let digits: Vec<char> = self.0.chars().filter(char::is_ascii_digit).collect();
        digits.iter().skip(digits.len().saturating_sub(4)).collect()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(f, &self.0)
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask(f, &self.0)
    }
}

/// What a caller said or keyed, as text. Masked: only its length is ever shown.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Said(Arc<str>);

impl Said {
    /// Wraps a text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹{} characters›", self.0.chars().count())
    }
}

named! {
    /// A language Dana speaks: BCP 47 language subtag.
    Locale {
        /// Kazakh.
        Kk = "kk",
        /// Russian.
        Ru = "ru",
    }
}

named! {
    /// The names of Dana's questions. Fixed: gateways, recordings and tests refer to them.
    Question {
        /// What happened, how can I help?
        Open = "open",
        /// Did I understand the topic rightly?
        ConfirmTopic = "confirm_topic",
        /// Which of the logins on this number?
        ChooseLogin = "choose_login",
        /// What is your login?
        AskLogin = "ask_login",
        /// Is it about the home internet, not the mobile one?
        ConfirmHome = "confirm_home",
        /// Are you at home now?
        AtHome = "at_home",
        /// Shall I create a request for a technician's visit?
        ConfirmTicket = "confirm_ticket",
        /// Shall I connect you with an operator?
        ConfirmOperator = "confirm_operator",
        /// Was it paid less than 24 hours ago?
        PaymentWhen = "payment_when",
        /// Is there anything else?
        AnythingElse = "anything_else",
        /// Kazakh or Russian?
        Language = "language",
    }
}

named! {
    /// What a caller may want to talk about: the labels of an open answer that name a subject.
    Topic {
        /// No internet at all.
        InternetDown = "internet_down",
        /// The line from the street, stairwell or flat is physically broken.
        CableDamaged = "cable_damaged",
        /// It comes and goes.
        FrequentDrops = "frequent_drops",
        /// It is slow.
        SlowInternet = "slow_internet",
        /// Television.
        Tv = "tv",
        /// Password of the login or of the Wi-Fi.
        Password = "password",
        /// Paid to a wrong login.
        PaidWrongLogin = "paid_wrong_login",
        /// A payment did not arrive.
        PaymentNotArrived = "payment_not_arrived",
        /// Change of tariff or package.
        ChangeTariff = "change_tariff",
        /// When does the technician come?
        TechnicianEta = "technician_eta",
        /// Waits for support to call back.
        CallbackWait = "callback_wait",
        /// Anything about the mobile line.
        MobileNumber = "mobile_number",
        /// Moving to another address.
        Relocation = "relocation",
        /// What is my tariff, which tariffs are there?
        TariffInfo = "tariff_info",
        /// Minutes, gigabytes, balance of the mobile number in the package.
        MobileBalance = "mobile_balance",
        /// Static IP address.
        StaticIp = "static_ip",
        /// Router, set-top box, remote, power unit, HDMI or RCA cable lost or damaged.
        EquipmentLostOrDamaged = "equipment_lost_or_damaged",
        /// Suspend the service.
        VoluntaryBlock = "voluntary_block",
        /// Give the equipment back.
        ReturnEquipment = "return_equipment",
    }
}

named! {
    /// How a call ended for the business. Closed.
    Disposition {
        /// A visit ticket was created by this call.
        TicketCreated = "ticket_created",
        /// A ticket was asked for and its creation is not confirmed.
        TicketUnconfirmed = "ticket_unconfirmed",
        /// The mass outage was told.
        InformedOutage = "informed_outage",
        /// The existing ticket was told.
        InformedExistingTicket = "informed_existing_ticket",
        /// The unpaid fee was told.
        InformedFee = "informed_fee",
        /// A topic was answered.
        InformedTopic = "informed_topic",
        /// The caller is not at home; invited to call again from there.
        InformedNotAtHome = "informed_not_at_home",
        /// Sent to 116 with a mobile question.
        Redirected116 = "redirected_116",
        /// Connected to an operator.
        TransferredOperator = "transferred_operator",
        /// Connected to a universal operator (package customers, mobile question).
        TransferredUniversal = "transferred_universal",
        /// The transfer did not connect; the other channels were told.
        TransferFailedInformed = "transfer_failed_informed",
        /// The caller declined what was offered.
        EndedDeclined = "ended_declined",
        /// The caller fell silent and no operator could be reached.
        EndedNoInput = "ended_no_input",
        /// The caller hung up before an outcome.
        CallerHungUp = "caller_hung_up",
        /// The call broke: network, gateway, or a fault of ours.
        Failed = "failed",
    }
}

named! {
    /// Reasons of a transfer that are not a topic.
    OtherReason {
        /// The caller asked for a person.
        CallerAsked = "caller_asked",
        /// The checks found nothing.
        NoFaultFound = "no_fault_found",
        /// A check could not be made.
        CheckUnavailable = "check_unavailable",
        /// A fault of the line that is not a cut cable.
        LineError = "line_error",
        /// The caller's number is not registered, or withheld.
        SubscriberNotFound = "subscriber_not_found",
        /// Several logins, none chosen.
        LoginNotChosen = "login_not_chosen",
        /// The ticket could not be created.
        TicketCreationFailed = "ticket_creation_failed",
        /// The ticket may exist: search by its key.
        TicketStatusUnknown = "ticket_status_unknown",
        /// The caller wants an existing ticket cancelled.
        TicketCancelRequest = "ticket_cancel_request",
        /// The caller speaks of a ticket that is not there.
        TicketNotFound = "ticket_not_found",
        /// The existing ticket is overdue.
        ExistingTicketOverdue = "existing_ticket_overdue",
        /// The caller was not understood.
        NotUnderstood = "not_understood",
        /// The caller said nothing.
        NoInput = "no_input",
        /// The caller says the fee is paid.
        FeeDisputed = "fee_disputed",
        /// A fault of ours.
        InternalError = "internal_error",
    }
}

/// Why a caller is handed over: a topic's label or one of [`OtherReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum TransferReason {
    /// The caller's subject.
    Topic(Topic),
    /// Anything else.
    Other(OtherReason),
}

impl TransferReason {
    /// Its one name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topic(topic) => topic.as_str(),
            Self::Other(reason) => reason.as_str(),
        }
    }
}

impl From<TransferReason> for &'static str {
    fn from(reason: TransferReason) -> Self {
        reason.as_str()
    }
}

impl TryFrom<String> for TransferReason {
    type Error = UnknownName;
    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl FromStr for TransferReason {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        text.parse()
            .map(Self::Topic)
            .or_else(|_| text.parse().map(Self::Other))
    }
}

impl fmt::Display for TransferReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

named! {
    /// Where a transfer leads.
    Queue {
        /// Operators of 3131.
        Operator = "operator",
        /// Universal operators, who also answer for the mobile part of a package.
        Universal = "universal",
    }
}

named! {
    /// What may cut a playback.
    BargeIn {
        /// Nothing.
        None = "none",
        /// Keys.
        Dtmf = "dtmf",
        /// Keys and speech.
        Any = "any",
    }
}

/// A telephone key: `0`–`9`, `*` or `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digit(char);

impl Digit {
    /// `None` unless it is `0`–`9`, `*` or `#`.
    pub const fn new(key: char) -> Option<Self> {
        match key {
            '0'..='9' | '*' | '#' => Some(Self(key)),
            _ => None,
        }
    }

    /// The key.
    pub const fn as_char(self) -> char {
        self.0
    }
}

/// The key of a call's ticket order: `externalId` and `Idempotency-Key` at the ticket system.
pub fn ticket_key(call_key: &str) -> String {
    format!("ivr:{call_key}:technicianVisit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_in_use_and_nothing_else_is_one() {
        let forms = [
            "+77011234567",
            "87011234567",
            "7 701 123-45-67",
            "7011234567",
            "sip:+77011234567@gw",
        ];
        for form in forms {
            assert_eq!(
                PhoneNumber::parse(form).unwrap().reveal(),
                "+77011234567",
                "{form}"
            );
        }
        for other in [
            "",
            "anonymous",
            "sip:anonymous@invalid",
            "12",
            "+",
            "7701123456☎",
            "+770112345678901234",
        ] {
            assert_eq!(PhoneNumber::parse(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_personal_is_shown() {
        let number = PhoneNumber::parse("+77011234567").unwrap();
        assert_eq!(format!("{number} {number:?}"), "+770***67 +770***67");
        let login = Login::new("0771234567").unwrap();
        assert_eq!(format!("{login} {login:?}"), "***67 ***67");
        assert_eq!(format!("{:?}", Said::new("да создайте")), "‹11 characters›");
    }
}
