//! A bundle with one limit or threshold changed, as `--what-if` names it: `limits.no_input=7s`,
//! `steps.offer.barge_in_after=1s`. Names are those of the flow's file, with or without their unit.

use std::sync::Arc;

use serde_json::Value;

use crate::bundle::Bundle;
use crate::flow::Limits;

/// The same bundle with the change. Its hash is its own no more: it names the change.
pub fn what_if(bundle: &Bundle, change: &str) -> Result<Bundle, String> {
    let (name, value) = change
        .split_once('=')
        .ok_or_else(|| format!("`{change}` changes nothing: write limits.no_input=7s"))?;
    let (name, value) = (name.trim(), value.trim());
    let flow = match name.split('.').collect::<Vec<_>>().as_slice() {
        ["limits", limit] => {
            let limits = limits(&bundle.flow.limits, limit, value)?;
            bundle.flow.with(|flow| flow.limits = limits)
        }
        ["steps", step, "barge_in_after" | "barge_in_after_ms"] => {
            let found = bundle.flow.steps().find(|(_, known)| *known.name == **step);
            let (id, _) = found.ok_or_else(|| format!("no step is called `{step}`"))?;
            let ms = number(value, "ms")?;
            bundle
                .flow
                .with(|flow| flow.step_mut(id).barge_in_after_ms = ms)
        }
        _ => {
            let names = names(&bundle.flow.limits).join(", limits.");
            return Err(format!(
                "`{name}` is no limit: there are limits.{names}, steps.NAME.barge_in_after"
            ));
        }
    };
    Ok(Bundle {
        flow: Arc::new(flow),
        hash: format!("{} with {name}={value}", bundle.hash).into(),
        ..bundle.clone()
    })
}

fn limits(limits: &Limits, wanted: &str, value: &str) -> Result<Limits, String> {
    let mut fields = fields(limits);
    let known = fields.keys().find(|name| {
        let bare = name.trim_end_matches("_ms").trim_end_matches("_permille");
        *name == wanted || bare == wanted
    });
    let Some(name) = known.cloned() else {
        let names = names(limits).join(", ");
        return Err(format!("no limit is called `{wanted}`: there are {names}"));
    };
    let unit = name.rsplit('_').next().unwrap_or("");
    let number = number(value, unit)?;
    let (least, most) = Limits::range(&name);
    if !(least..=most).contains(&number) {
        return Err(format!("{name} is {least} to {most}, not {number}"));
    }
    fields.insert(name, number.into());
    let changed: Limits =
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    if changed.contradict() {
        return Err(format!(
            "{value} contradicts another limit: {}",
            Limits::ORDER
        ));
    }
    Ok(changed)
}

fn fields(limits: &Limits) -> serde_json::Map<String, Value> {
    match serde_json::to_value(limits) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    }
}

fn names(limits: &Limits) -> Vec<String> {
    fields(limits).keys().cloned().collect()
}

/// `7s`, `500ms`, `0.6` of a thousand, or a plain number in the limit's own unit.
fn number(text: &str, unit: &str) -> Result<u32, String> {
    let bad = || format!("`{text}` is no value: write 7s, 500ms or a number");
    let scaled = |digits: &str, scale: f64| {
        let number: f64 = digits.trim().parse().map_err(|_| bad())?;
        whole(number * scale).ok_or_else(bad)
    };
    if let (Some(digits), "ms") = (text.strip_suffix("ms"), unit) {
        scaled(digits, 1.0)
    } else if let (Some(digits), "ms") = (text.strip_suffix('s'), unit) {
        scaled(digits, 1_000.0)
    } else if unit == "permille" && text.contains('.') {
        scaled(text, 1_000.0)
    } else {
        text.parse().map_err(|_| bad())
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is looked at before"
)]
fn whole(number: f64) -> Option<u32> {
    let fits = number >= 0.0 && number <= f64::from(u32::MAX);
    fits.then(|| number.round() as u32)
}
