//! Bodies of client and mock against the official TM Forum specifications, when they lie beside
//! the project (`../shared/tmf`); loudly left out when they do not.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

const TICKETS: &str = "TMF621-TroubleTicket-v4.0.0.swagger.json";

/// A Swagger 2 document.
struct Spec(Value);

impl Spec {
    fn read(file: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tmf");
        let text = fs::read_to_string(folder.join(file)).ok()?;
        Some(Self(
            serde_json::from_str(&text).expect("a specification is JSON"),
        ))
    }

    /// What is wrong with `value` as a `definition`: paths and reasons.
    fn faults(&self, definition: &str, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(
            &self.0["definitions"][definition],
            value,
            definition,
            &mut faults,
        );
        faults
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        if let Some(name) = schema["$ref"]
            .as_str()
            .and_then(|r| r.strip_prefix("#/definitions/"))
        {
            return self.check(&self.0["definitions"][name], value, path, faults);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, path, faults);
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if value.get(name).is_none_or(Value::is_null) {
                faults.push(format!("{path}: {name} is required"));
            }
        }
        let fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some(_) | None => true,
        };
        if !fits {
            faults.push(format!("{path}: {value} is no {}", schema["type"]));
        }
        if schema["enum"]
            .as_array()
            .is_some_and(|known| !known.contains(value))
        {
            faults.push(format!("{path}: {value} is not of the enumeration"));
        }
        for (name, part) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(inner) = value.get(name) {
                self.check(part, inner, &format!("{path}.{name}"), faults);
            }
        }
        if let Some(items) = schema.get("items") {
            for item in value.as_array().into_iter().flatten() {
                self.check(items, item, path, faults);
            }
        }
    }
}

async fn get(url: &str) -> Value {
    reqwest::get(url)
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON")
}

#[tokio::test]
#[expect(
    clippy::print_stderr,
    reason = "who reads the output must see what was left out"
)]
async fn bodies_follow_the_official_specifications() {
    if Spec::read(TICKETS).is_none() {
        eprintln!("LEFT OUT: ../shared/tmf has no specifications to compare with");
        return;
    }
    let (_mock, client, root) = mock().await;
    create(client.clone(), order(101)).await;
    let _ = client.look_up(Lookup::LineTest { line: line(101) }).await;
    let lists = [
        (
            "TMF629-Customer-v4.0.0.swagger.json",
            "Customer",
            "customerManagement/v4/customer?contactMedium.characteristic.phoneNumber=%2B77770000101",
        ),
        (
            "TMF637-ProductInventory-v4.0.0.swagger.json",
            "Product",
            "productInventory/v4/product?relatedParty.id=C-00115",
        ),
        (
            "TMF666-Account-v4.0.0.swagger.json",
            "BillingAccount",
            "accountManagement/v4/billingAccount?relatedParty.id=C-00101",
        ),
        (
            "TMF656-ServiceProblem-v4.0.0.swagger.json",
            "ServiceProblem",
            "serviceProblemManagement/v4/serviceProblem?affectedLocation.id=HOUSE-0770000104",
        ),
        (
            TICKETS,
            "TroubleTicket",
            "troubleTicket/v4/troubleTicket?relatedEntity.id=0770000101",
        ),
        (
            TICKETS,
            "TroubleTicket",
            "troubleTicket/v4/troubleTicket?relatedEntity.id=0770000106",
        ),
    ];
    for (file, definition, path) in lists {
        let spec = Spec::read(file).expect("the specification");
        let list = get(&format!("{root}/tmf-api/{path}")).await;
        let objects = list.as_array().expect("a list");
        assert_eq!(objects.len(), 1, "{path}");
        assert_eq!(
            spec.faults(definition, &objects[0]),
            Vec::<String>::new(),
            "{path}"
        );
    }
    requests_follow_too(&root).await;
}

/// What came back of a request is what the client sent, and more.
async fn requests_follow_too(root: &str) {
    let spec = Spec::read(TICKETS).expect("the specification");
    let url = format!("{root}/tmf-api/troubleTicket/v4/troubleTicket?relatedEntity.id=0770000101");
    let sent = get(&url).await[0].clone();
    assert_eq!(
        spec.faults("TroubleTicket_Create", &sent),
        Vec::<String>::new()
    );
    let spec = Spec::read("TMF653-ServiceTest-v4.1.0.swagger.json").expect("the specification");
    let test = get(&format!(
        "{root}/tmf-api/serviceTestManagement/v4/serviceTest/ST-1"
    ))
    .await;
    assert_eq!(spec.faults("ServiceTest", &test), Vec::<String>::new());
    assert_eq!(
        spec.faults("ServiceTest_Create", &test),
        Vec::<String>::new()
    );
    let error = get(&format!(
        "{root}/tmf-api/troubleTicket/v4/troubleTicket/none"
    ))
    .await;
    assert_eq!(spec.faults("Error", &error), Vec::<String>::new());
}
