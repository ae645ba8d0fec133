//! The back ends' JSON: the few fields of TM Forum Open API v4 that a call needs. The one file that
//! knows their shapes; client and mock share it. Whatever is unknown or absent is tolerated here
//! and judged by the client.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// TMF629.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) contact_medium: Vec<ContactMedium>,
    pub(crate) characteristic: Vec<Characteristic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) engaged_party: Option<Ref>,
    #[serde(rename = "@type")]
    pub(crate) kind: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContactMedium {
    pub(crate) medium_type: String,
    pub(crate) characteristic: MediumCharacteristic,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MediumCharacteristic {
    pub(crate) phone_number: String,
}

/// Name and value; the value of any JSON type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Characteristic {
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Characteristic {
    pub(crate) fn new(name: &str, value: impl Into<Value>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
        }
    }
}

/// A reference to another object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Ref {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) role: String,
    #[serde(rename = "@referredType", skip_serializing_if = "String::is_empty")]
    pub(crate) referred_type: String,
}

impl Ref {
    pub(crate) fn new(id: &str, role: &str, referred_type: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            role: role.to_owned(),
            referred_type: referred_type.to_owned(),
        }
    }
}

/// TMF637.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) is_bundle: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billing_account: Option<Ref>,
    pub(crate) related_party: Vec<Ref>,
    pub(crate) place: Vec<Ref>,
    pub(crate) realizing_service: Vec<Ref>,
    pub(crate) realizing_resource: Vec<Ref>,
    #[serde(rename = "productCharacteristic")]
    pub(crate) characteristic: Vec<Characteristic>,
    #[serde(rename = "@type")]
    pub(crate) kind: String,
}

/// TMF666.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BillingAccount {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) payment_status: String,
    pub(crate) related_party: Vec<Ref>,
    #[serde(rename = "@type")]
    pub(crate) kind: String,
}

/// TMF656.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceProblem {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) category: String,
    pub(crate) description: String,
    pub(crate) reason: String,
    pub(crate) priority: u32,
    pub(crate) status: String,
    pub(crate) originating_system: String,
    pub(crate) originator_party: Ref,
    pub(crate) affected_location: Vec<Ref>,
    pub(crate) affected_resource: Vec<Ref>,
    pub(crate) characteristic: Vec<Characteristic>,
    #[serde(rename = "@type")]
    pub(crate) kind: String,
}

/// TMF653.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceTest {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) mode: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) state: String,
    pub(crate) related_service: Ref,
    pub(crate) test_specification: Ref,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_for: Option<Period>,
    pub(crate) characteristic: Vec<Characteristic>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) test_measure: Vec<Measure>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Period {
    pub(crate) end_date_time: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Measure {
    pub(crate) metric_name: String,
    pub(crate) value: Characteristic,
}

/// TMF621.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TroubleTicket {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) href: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creation_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected_resolution_date: Option<String>,
    pub(crate) external_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) severity: String,
    pub(crate) priority: String,
    pub(crate) ticket_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<Ref>,
    pub(crate) related_entity: Vec<Ref>,
    pub(crate) related_party: Vec<Ref>,
    pub(crate) note: Vec<Note>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Note {
    pub(crate) author: String,
    pub(crate) date: String,
    pub(crate) text: String,
}

/// An error body.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Error {
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) status: String,
    #[serde(rename = "referenceError", skip_serializing_if = "String::is_empty")]
    pub(crate) reference: String,
    #[serde(rename = "@type")]
    pub(crate) kind: String,
}

/// The type of our tickets.
pub(crate) const VISIT: &str = "technicianVisit";
/// The statuses of a ticket or a problem that is not over.
pub(crate) const OPEN: [&str; 4] = ["acknowledged", "inProgress", "pending", "held"];
/// Base paths, as the v4 specifications have them.
pub(crate) mod path {
    pub(crate) const CUSTOMER: &str = "/tmf-api/customerManagement/v4/customer";
    pub(crate) const PRODUCT: &str = "/tmf-api/productInventory/v4/product";
    pub(crate) const ACCOUNT: &str = "/tmf-api/accountManagement/v4/billingAccount";
    pub(crate) const PROBLEM: &str = "/tmf-api/serviceProblemManagement/v4/serviceProblem";
    pub(crate) const TEST: &str = "/tmf-api/serviceTestManagement/v4/serviceTest";
    pub(crate) const TICKET: &str = "/tmf-api/troubleTicket/v4/troubleTicket";
}
