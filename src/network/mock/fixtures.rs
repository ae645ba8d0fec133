//! The fixture subscribers: one for each situation a call can meet. `dana mock` lists them.

use crate::call::Locale;
use crate::network::mock::{Api, Fault};
use crate::time::WallTime;

/// A subscriber of the mock.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// His contact number.
    pub number: String,
    /// The situation, in a few words.
    pub about: &'static str,
    /// A mobile number in his package.
    pub package: Option<String>,
    /// The language on record.
    pub language: Option<Locale>,
    /// His lines.
    pub lines: Vec<Line>,
    /// What is wrong with the back ends when they are asked about him.
    pub faults: Vec<(Api, Fault)>,
}

/// A line of the mock.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its login.
    pub login: String,
    /// The product is suspended.
    pub suspended: bool,
    /// TMF666 `paymentStatus`.
    pub payment: &'static str,
    /// The verdict of a line test; `failed`: the test does not run.
    pub verdict: &'static str,
    /// A mass outage, with its end if one is known.
    pub outage: Option<Option<WallTime>>,
    /// An open visit ticket: created at, visit at.
    pub ticket: Option<(WallTime, Option<WallTime>)>,
}

impl Subscriber {
    /// Id of the customer: made of the number.
    pub(super) fn customer(&self) -> String {
        format!("C-{}", tail(&self.number, 5))
    }

    fn new(index: usize, about: &'static str) -> Self {
        let line = Line {
            login: format!("0770000{index:03}"),
            suspended: false,
            payment: "paid",
            verdict: "ok",
            outage: None,
            ticket: None,
        };
        Self {
            number: format!("+77770000{index:03}"),
            about,
            package: None,
            language: None,
            lines: vec![line],
            faults: Vec::new(),
        }
    }

    fn speaks(mut self, language: Locale) -> Self {
        self.language = Some(language);
        self
    }

    fn line(mut self, change: impl Fn(&mut Line)) -> Self {
        self.lines.iter_mut().for_each(change);
        self
    }

    fn cut(self) -> Self {
        self.line(|line| line.verdict = "cableDamaged")
    }

    fn fault(mut self, api: Api, fault: Fault) -> Self {
        self.faults.push((api, fault));
        self
    }
}

/// The last `count` characters of an ASCII text.
pub(super) fn tail(text: &str, count: usize) -> &str {
    text.get(text.len().saturating_sub(count)..).unwrap_or(text)
}

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Every fixture, with dates relative to `now`.
pub fn subscribers(now: WallTime) -> Vec<Subscriber> {
    let mut all = situations(now);
    all.extend(broken());
    all
}

/// Every situation of a subscriber.
fn situations(now: WallTime) -> Vec<Subscriber> {
    use Subscriber as S;
    let hours = |hours: i64| now.plus_ms(hours * HOUR_MS);
    let mut several = S::new(116, "three lines, the second has a damaged cable");
    several.lines = (0..3)
        .map(|at| Line {
            login: format!("07700116{at}{}", at + 4),
            ..several.lines[0].clone()
        })
        .collect();
    several.lines[1].verdict = "cableDamaged";
    let mut package = S::new(
        115,
        "a package with mobile; its second number is +77770000915",
    )
    .cut();
    package.package = Some("+77770000915".to_owned());
    vec![
        S::new(101, "damaged cable, speaks Russian")
            .speaks(Locale::Ru)
            .cut(),
        S::new(102, "damaged cable, speaks Kazakh")
            .speaks(Locale::Kk)
            .cut(),
        S::new(103, "mass outage, no end known").line(|line| line.outage = Some(None)),
        S::new(104, "mass outage, ends in three hours")
            .line(move |line| line.outage = Some(Some(hours(3)))),
        S::new(105, "open ticket without a date")
            .line(move |line| line.ticket = Some((hours(-5), None))),
        S::new(106, "open ticket, visit agreed for tomorrow")
            .line(move |line| line.ticket = Some((hours(-20), Some(hours(24))))),
        S::new(107, "open ticket, overdue")
            .line(move |line| line.ticket = Some((hours(-5 * 24), None))),
        S::new(108, "no fault"),
        S::new(109, "equipment is off").line(|line| line.verdict = "equipmentOff"),
        S::new(110, "fault of the line that is no cut cable")
            .line(|line| line.verdict = "lineErrors"),
        S::new(111, "damaged cable, fee not paid")
            .cut()
            .line(|line| line.payment = "in arrears"),
        S::new(112, "damaged cable, fee unknown")
            .cut()
            .line(|line| line.payment = "in dispute"),
        S::new(113, "suspended")
            .cut()
            .line(|line| line.suspended = true),
        S::new(114, "no package, no fault"),
        package,
        several,
        S::new(117, "the line test does not run").line(|line| line.verdict = "failed"),
    ]
}

/// Every way in which a back end can be broken.
fn broken() -> Vec<Subscriber> {
    use Subscriber as S;
    let every = |fault: Fault| move |s: S| Api::ALL.iter().fold(s, |s, api| s.fault(*api, fault));
    vec![
        S::new(
            118,
            "damaged cable; the ticket system creates and never answers",
        )
        .cut()
        .fault(Api::CreateTicket, Fault::CreatesThenTimesOut),
        S::new(119, "damaged cable; the ticket system refuses")
            .cut()
            .fault(Api::CreateTicket, Fault::Status(400)),
        S::new(120, "damaged cable; the ticket system fails")
            .cut()
            .fault(Api::CreateTicket, Fault::Status(500)),
        every(Fault::Slow(1_200))(S::new(121, "damaged cable; every back end is slow").cut()),
        S::new(122, "the inventory is dead").fault(Api::Inventory, Fault::Dead),
        S::new(123, "the inventory answers with another customer")
            .fault(Api::Inventory, Fault::Foreign),
        every(Fault::Garbage)(S::new(124, "every back end answers garbage")),
        S::new(125, "damaged cable; tickets cannot be looked up")
            .cut()
            .fault(Api::Tickets, Fault::Status(503)),
        S::new(126, "the line test answers about another line")
            .cut()
            .fault(Api::LineTest, Fault::Foreign),
        S::new(127, "the outages of other houses come back")
            .cut()
            .fault(Api::Outage, Fault::Foreign),
        S::new(128, "other customers' tickets come back")
            .cut()
            .fault(Api::Tickets, Fault::Foreign),
        S::new(129, "other customers' accounts come back")
            .cut()
            .fault(Api::Fee, Fault::Foreign),
    ]
}
