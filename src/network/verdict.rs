//! What a line test means: the back end's own verdict, or the decision table over its measures. A
//! measure that is absent is unknown, never zero. Says nothing of what Dana does with it.

use serde_json::Value;

use crate::lookup::LineTestFinding;
use crate::network::wire::ServiceTest;
use crate::time::WallTime;

/// A pair is open at its end when its length differs from the stored one by no more than this.
const END_METRES: f64 = 5.0;
const END_SHARE: f64 = 0.1;
/// Received light of an ONT, class B+ (G.984.2), in dBm.
const LIGHT: std::ops::RangeInclusive<f64> = -27.0..=-8.0;
/// CRC errors per frame from which a line is faulty.
const CRC_SHARE: f64 = 1e-3;
/// Link losses a day from which a line is unstable.
const FLAPS: f64 = 5.0;

/// The finding of a test that has ended. A test that failed, is stale or says nothing is no
/// diagnosis.
pub(super) fn finding(test: &ServiceTest, now: WallTime) -> LineTestFinding {
    let until = test
        .valid_for
        .as_ref()
        .and_then(|period| period.end_date_time.as_deref());
    let stale = until
        .and_then(WallTime::from_rfc3339)
        .is_some_and(|until| until < now);
    if !test.state.eq_ignore_ascii_case("completed") || stale {
        return LineTestFinding::Unavailable;
    }
    let said = test.characteristic.iter().find(|c| c.name == "verdict");
    let verdict = said
        .and_then(|said| said.value.as_str())
        .unwrap_or_else(|| measured(test));
    match verdict {
        "cableDamaged" => LineTestFinding::CableFault {
            test: test.id.clone(),
        },
        "ok" => LineTestFinding::NoFault,
        "equipmentOff" | "unplugged" | "sessionDown" => LineTestFinding::EquipmentOff,
        "lineErrors"
        | "weakSignal"
        | "degraded"
        | "provisioning"
        | "cableOrEquipment"
        | "massOutageSuspected"
        | "blockedForDebt" => LineTestFinding::LineError,
        _ => LineTestFinding::Unavailable,
    }
}

/// The measures of a test.
struct Measures<'a>(&'a ServiceTest);

impl Measures<'_> {
    fn value(&self, metric: &str) -> Option<&Value> {
        let measure = self
            .0
            .test_measure
            .iter()
            .find(|measure| measure.metric_name == metric);
        measure.map(|measure| &measure.value.value)
    }

    fn is(&self, metric: &str, wanted: &str) -> bool {
        self.value(metric).and_then(Value::as_str) == Some(wanted)
    }

    fn number(&self, metric: &str) -> Option<f64> {
        self.value(metric).and_then(Value::as_f64)
    }

    /// Status and length of each pair that was measured.
    fn pairs(&self) -> Vec<(&str, Option<f64>)> {
        let pair = |at| {
            let status = self.value(&format!("cable.pair{at}.status"))?.as_str()?;
            Some((status, self.number(&format!("cable.pair{at}.length"))))
        };
        (1..=4).filter_map(pair).collect()
    }
}

/// The first row of the decision table that fits.
fn measured(test: &ServiceTest) -> &'static str {
    let measures = Measures(test);
    if measures.value("node.reachable") == Some(&Value::Bool(false)) {
        return "massOutageSuspected";
    }
    if measures.is("port.adminState", "down") || measures.is("ont.lastDownCause", "authFail") {
        return "provisioning";
    }
    if measures.value("ont.state").is_some() {
        return gpon(&measures);
    }
    if measures.is("port.operState", "up") {
        return port_up(&measures);
    }
    if measures.is("port.operState", "down") {
        return port_down(&measures);
    }
    "inconclusive"
}

fn port_up(measures: &Measures<'_>) -> &'static str {
    let errors = measures
        .number("port.crcErrors.delta")
        .zip(measures.number("port.inFrames.delta"));
    let crc = errors.is_some_and(|(errors, frames)| errors > 0.0 && errors >= frames * CRC_SHARE);
    let slow = measures
        .number("port.speedMbps")
        .is_some_and(|speed| speed <= 10.0);
    let half = measures.is("port.duplex", "half");
    let flaps = measures
        .number("port.flaps24h")
        .is_some_and(|flaps| flaps >= FLAPS);
    if crc || slow || half || flaps {
        "lineErrors"
    } else if measures.is("session.state", "offline") {
        "sessionDown"
    } else if measures.is("session.state", "online") {
        "ok"
    } else {
        "inconclusive"
    }
}

fn port_down(measures: &Measures<'_>) -> &'static str {
    let pairs = measures.pairs();
    let faulty = [
        "short",
        "openShort",
        "crosstalk",
        "impedanceMismatch",
        "noCable",
    ];
    if pairs.is_empty() {
        return "inconclusive";
    }
    if pairs.iter().any(|(status, _)| faulty.contains(status)) {
        return "cableDamaged";
    }
    if pairs.iter().all(|(status, _)| *status == "ok") {
        return "equipmentOff";
    }
    if !pairs.iter().all(|(status, _)| *status == "open") {
        let differ = pairs
            .iter()
            .all(|(status, _)| *status == "open" || *status == "ok");
        return if differ {
            "cableDamaged"
        } else {
            "inconclusive"
        };
    }
    let Some(baseline) = measures.number("cable.baselineLength") else {
        return "cableOrEquipment";
    };
    // A pair is cut only where its length is known and clearly short of the stored one.
    let reach = END_METRES.max(baseline * END_SHARE);
    let cut = |length: &Option<f64>| length.is_some_and(|length| baseline - length > reach);
    let at_end =
        |length: &Option<f64>| length.is_some_and(|length| (length - baseline).abs() <= reach);
    if pairs.iter().any(|(_, length)| cut(length)) {
        "cableDamaged"
    } else if pairs.iter().all(|(_, length)| at_end(length)) {
        "unplugged"
    } else {
        "cableOrEquipment"
    }
}

fn gpon(measures: &Measures<'_>) -> &'static str {
    if measures.is("ont.state", "online") {
        let light = measures.number("ont.rxPower");
        return match light {
            Some(light) if !LIGHT.contains(&light) => "weakSignal",
            _ if measures.is("ont.uni1.operState", "down") => "equipmentOff",
            _ if measures.is("session.state", "offline") => "sessionDown",
            _ if measures.is("session.state", "online") => "ok",
            _ => "inconclusive",
        };
    }
    let lost = ["los", "losi", "lof", "sf"];
    if measures.number("pon.onlineOnts") == Some(0.0) {
        // The neighbours are dark too: it is not this subscriber's cable.
        "massOutageSuspected"
    } else if measures.is("ont.lastDownCause", "powerOff") {
        "equipmentOff"
    } else if lost
        .iter()
        .any(|cause| measures.is("ont.lastDownCause", cause))
    {
        "cableDamaged"
    } else {
        "inconclusive"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::wire::{Characteristic, Measure, Period};

    /// One row of the table: measures, verdict.
    const ROWS: &[(&str, &str)] = &[
        ("", "inconclusive"),
        ("node.reachable=false", "massOutageSuspected"),
        ("port.adminState=down", "provisioning"),
        ("port.operState=up session.state=online", "ok"),
        ("port.operState=up", "inconclusive"),
        ("port.operState=up session.state=offline", "sessionDown"),
        (
            "port.operState=up port.speedMbps=10 session.state=online",
            "lineErrors",
        ),
        (
            "port.operState=up port.flaps24h=7 session.state=online",
            "lineErrors",
        ),
        (
            "port.operState=up port.crcErrors.delta=20 port.inFrames.delta=1000",
            "lineErrors",
        ),
        ("port.operState=down", "inconclusive"),
        (
            "port.operState=down cable.pair1.status=ok cable.pair2.status=ok",
            "equipmentOff",
        ),
        (
            "port.operState=down cable.pair1.status=short",
            "cableDamaged",
        ),
        (
            "port.operState=down cable.pair1.status=noCable",
            "cableDamaged",
        ),
        (
            "port.operState=down cable.pair1.status=open cable.pair2.status=ok",
            "cableDamaged",
        ),
        (
            "port.operState=down cable.pair1.status=unknown",
            "inconclusive",
        ),
        (
            "port.operState=down cable.pair1.status=open cable.pair1.length=18",
            "cableOrEquipment",
        ),
        (
            "port.operState=down cable.pair1.status=open cable.pair1.length=18 cable.baselineLength=41",
            "cableDamaged",
        ),
        (
            "port.operState=down cable.pair1.status=open cable.pair1.length=40 cable.baselineLength=41",
            "unplugged",
        ),
        (
            "ont.state=online ont.rxPower=-20 session.state=online",
            "ok",
        ),
        (
            "ont.state=online ont.rxPower=-30 session.state=online",
            "weakSignal",
        ),
        (
            "ont.state=online ont.rxPower=-20 ont.uni1.operState=down",
            "equipmentOff",
        ),
        (
            "ont.state=offline ont.lastDownCause=powerOff",
            "equipmentOff",
        ),
        ("ont.state=offline ont.lastDownCause=los", "cableDamaged"),
        (
            "ont.state=offline ont.lastDownCause=los pon.onlineOnts=0",
            "massOutageSuspected",
        ),
        (
            "port.operState=down cable.pair1.status=open cable.baselineLength=41",
            "cableOrEquipment",
        ),
        (
            "port.operState=down cable.pair1.status=open cable.pair1.length=80 cable.baselineLength=41",
            "cableOrEquipment",
        ),
        ("ont.state=offline", "inconclusive"),
    ];

    fn test(measures: &str) -> ServiceTest {
        let measure = |pair: &str| {
            let (name, text) = pair.split_once('=').unwrap();
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            Measure {
                metric_name: name.to_owned(),
                value: Characteristic::new(name, value),
            }
        };
        ServiceTest {
            id: "ST-1".to_owned(),
            state: "completed".to_owned(),
            test_measure: measures.split_whitespace().map(measure).collect(),
            ..ServiceTest::default()
        }
    }

    #[test]
    fn each_row_of_the_table_gives_its_verdict() {
        for (measures, verdict) in ROWS {
            assert_eq!(measured(&test(measures)), *verdict, "{measures}");
        }
    }

    #[test]
    fn a_test_that_failed_or_is_stale_is_no_diagnosis() {
        let now = WallTime::from_rfc3339("2026-01-10T06:00:00Z").unwrap();
        let down = test("port.operState=down cable.pair1.status=short");
        let cut = LineTestFinding::CableFault {
            test: "ST-1".to_owned(),
        };
        assert_eq!(finding(&down, now), cut);
        let failed = ServiceTest {
            state: "failed".to_owned(),
            ..down.clone()
        };
        assert_eq!(finding(&failed, now), LineTestFinding::Unavailable);
        let ended = Some("2026-01-10T05:00:00Z".to_owned());
        let stale = ServiceTest {
            valid_for: Some(Period {
                end_date_time: ended,
            }),
            ..down
        };
        assert_eq!(finding(&stale, now), LineTestFinding::Unavailable);
    }
}
