//! The port to the back ends, in our words: a [`Lookup`] is asked, a [`Finding`] answers, a
//! [`TicketOrder`] becomes a ticket. TM Forum over HTTP (room `network`) is one adapter behind it.
//!
//! A back end that is down, slow or wrong is a finding too (`Unavailable`); nothing here fails.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{Locale, Login, PhoneNumber, Said, named};
use crate::time::WallTime;

named! {
    /// The kinds of look-up; each has its own closed set of outcomes.
    LookupKind {
        /// Who calls: `one · several · unknown · unavailable`.
        Subscriber = "subscriber",
        /// Mass outage at the house: `known · none · unavailable`.
        Outage = "outage",
        /// Open visit tickets of the login: `open · overdue · none · unavailable`.
        Tickets = "tickets",
        /// Test of the line: `cable_fault · no_fault · line_error · equipment_off · unavailable`.
        LineTest = "line_test",
        /// Subscription fee: `paid · unpaid · unavailable`.
        Fee = "fee",
    }
}

/// One question to a back end. `Debug` is safe to log: numbers and logins are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// The customer and the lines behind a calling number.
    Subscriber {
        /// The calling number.
        number: PhoneNumber,
    },
    /// A known problem at the line's house or at the node that serves it.
    Outage {
        /// The line in question.
        line: Line,
    },
    /// Open visit tickets for a login.
    Tickets {
        /// The login.
        login: Login,
    },
    /// A test of the line.
    LineTest {
        /// The line in question.
        line: Line,
    },
    /// Whether the subscription fee is paid.
    Fee {
        /// TM Forum customer id.
        customer: String,
        /// The line in question.
        line: Line,
    },
}

impl Lookup {
    /// Its kind.
    pub const fn kind(&self) -> LookupKind {
        match self {
            Self::Subscriber { .. } => LookupKind::Subscriber,
            Self::Outage { .. } => LookupKind::Outage,
            Self::Tickets { .. } => LookupKind::Tickets,
            Self::LineTest { .. } => LookupKind::LineTest,
            Self::Fee { .. } => LookupKind::Fee,
        }
    }
}

/// What a back end answered, checked against what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Answer to [`Lookup::Subscriber`].
    Subscriber(SubscriberFinding),
    /// Answer to [`Lookup::Outage`].
    Outage(OutageFinding),
    /// Answer to [`Lookup::Tickets`].
    Tickets(TicketsFinding),
    /// Answer to [`Lookup::LineTest`].
    LineTest(LineTestFinding),
    /// Answer to [`Lookup::Fee`].
    Fee(FeeFinding),
}

impl Finding {
    /// The kind of look-up that it answers.
    pub const fn kind(&self) -> LookupKind {
        match self {
            Self::Subscriber(_) => LookupKind::Subscriber,
            Self::Outage(_) => LookupKind::Outage,
            Self::Tickets(_) => LookupKind::Tickets,
            Self::LineTest(_) => LookupKind::LineTest,
            Self::Fee(_) => LookupKind::Fee,
        }
    }

    /// Its class: the outcome of the look-up, but that an overdue ticket is still `open` here, as it
    /// takes a clock to tell.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Subscriber(SubscriberFinding::Known(known)) if known.lines.len() == 1 => "one",
            Self::Subscriber(SubscriberFinding::Known(_)) => "several",
            Self::Subscriber(SubscriberFinding::Unknown) => "unknown",
            Self::Outage(OutageFinding::Known { .. }) => "known",
            Self::Tickets(TicketsFinding::Open(_)) => "open",
            Self::Outage(OutageFinding::None) | Self::Tickets(TicketsFinding::None) => "none",
            Self::LineTest(LineTestFinding::CableFault { .. }) => "cable_fault",
            Self::LineTest(LineTestFinding::NoFault) => "no_fault",
            Self::LineTest(LineTestFinding::LineError) => "line_error",
            Self::LineTest(LineTestFinding::EquipmentOff) => "equipment_off",
            Self::Fee(fee) => fee.as_str(),
            Self::Subscriber(SubscriberFinding::Unavailable)
            | Self::Outage(OutageFinding::Unavailable)
            | Self::Tickets(TicketsFinding::Unavailable)
            | Self::LineTest(LineTestFinding::Unavailable) => "unavailable",
        }
    }

    /// The finding that says: no answer could be had.
    pub const fn unavailable(kind: LookupKind) -> Self {
        match kind {
            LookupKind::Subscriber => Self::Subscriber(SubscriberFinding::Unavailable),
            LookupKind::Outage => Self::Outage(OutageFinding::Unavailable),
            LookupKind::Tickets => Self::Tickets(TicketsFinding::Unavailable),
            LookupKind::LineTest => Self::LineTest(LineTestFinding::Unavailable),
            LookupKind::Fee => Self::Fee(FeeFinding::Unavailable),
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriberFinding {
    /// The number is registered for at least one line.
    Known(Subscriber),
    /// The number is registered for no line. Not the same as `Unavailable`.
    Unknown,
    /// It could not be found out.
    Unavailable,
}

/// A customer, as far as a call needs him. No name, no balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// TM Forum customer id, `C-1000123`.
    pub customer: String,
    /// The language on record.
    pub language: Option<Locale>,
    /// His home-internet lines, in the back end's order. Never empty, at most [`Self::MAX_LINES`].
    pub lines: Vec<Line>,
}

impl Subscriber {
    /// A choice is made by one key, `1` to `9`.
    pub const MAX_LINES: usize = 9;
}

/// One home-internet line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its login, TM Forum `Service.id`.
    pub login: Login,
    /// Id of the house, TM Forum `place.id`.
    pub house: Option<String>,
    /// The address on record, TM Forum `place.name`: to be compared with what a caller says, never
    /// said to him.
    pub address: Option<Said>,
    /// Id of the node and port that serve it, TM Forum `realizingResource.id`.
    pub resource: Option<String>,
    /// Billing account id.
    pub account: Option<String>,
    /// How it is connected.
    pub access: Access,
    /// The product is suspended: the fee is not paid, whatever the account says.
    pub suspended: bool,
    /// In a package: the product is a bundle with at least one mobile number, and the calling
    /// number is its contact number or one of those.
    pub in_package: bool,
}

named! {
    /// Access technology of a line.
    Access {
        /// Copper from a switch in the house.
        Fttb = "fttb",
        /// Fibre to the flat.
        Gpon = "gpon",
        /// Not told by the inventory.
        Unknown = "unknown",
    }
}

/// Mass outage at the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageFinding {
    /// There is one; `restored_at` only when the system gives a time of restoration.
    Known {
        /// Estimated restoration.
        restored_at: Option<WallTime>,
    },
    /// There is none.
    None,
    /// It could not be found out; never told as "none".
    Unavailable,
}

/// Open visit tickets of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketsFinding {
    /// There is one (the newest, where there are several).
    Open(OpenTicket),
    /// There is none.
    None,
    /// It could not be found out; never create blind.
    Unavailable,
}

/// An existing open visit ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTicket {
    /// Its id in the ticket system, `TT-900345`.
    pub id: String,
    /// When it was created, if told. Older than three days is overdue (C11).
    pub created_at: Option<WallTime>,
    /// The agreed date and time of the visit, if it carries one. Past is overdue (C11).
    pub visit_at: Option<WallTime>,
}

/// What the line test found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineTestFinding {
    /// The cable is damaged.
    CableFault {
        /// Id of the test, for the ticket.
        test: String,
    },
    /// The test found no fault.
    NoFault,
    /// A fault that is not a cut cable.
    LineError,
    /// The equipment in the flat is off, unplugged or without a session (F27 may help).
    EquipmentOff,
    /// The test could not be made or says nothing; never told as "fine".
    Unavailable,
}

named! {
    /// Whether the subscription fee is paid.
    FeeFinding {
        /// It is paid.
        Paid = "paid",
        /// It is due, in arrears, or the product is suspended.
        Unpaid = "unpaid",
        /// It could not be found out; nothing is claimed.
        Unavailable = "unavailable",
    }
}

/// All that a visit ticket is made of. The same order always gives the same request body, so that
/// a repeat with the same key is the same request (design: frozen payload).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketOrder {
    /// `ivr:{call_key}:technicianVisit`: `externalId` and `Idempotency-Key`.
    pub key: String,
    /// The login whose line is damaged.
    pub login: Login,
    /// TM Forum customer id.
    pub customer: String,
    /// The number that the dispatcher will call.
    pub contact: PhoneNumber,
    /// Language of the call.
    pub locale: Locale,
    /// Id of the line test that found the damage.
    pub test: String,
    /// When the call began: the date in the ticket's note.
    pub call_began: WallTime,
}

/// How the creation of a ticket ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketResult {
    /// It exists: the ticket system gave this id.
    Created {
        /// Id in the ticket system, `TT-900345`.
        id: String,
    },
    /// Another open visit ticket for the login stood in the way.
    AlreadyOpen,
    /// It may or may not exist: to be searched by its key.
    Unconfirmed,
    /// The ticket system refused it for good.
    Refused,
    /// It was not created and will not be: the order could not be recorded, nothing was sent.
    Unavailable,
}

impl TicketResult {
    /// Its name, without the ticket's id.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::AlreadyOpen => "already_open",
            Self::Unconfirmed => "unconfirmed",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

named! {
    /// Whether an order may have been sent before.
    Attempt {
        /// Never sent: send it.
        First = "first",
        /// Agreed to in a call that was resumed: the stream that broke may have sent it without
        /// anybody knowing. Search for the key, send it if there is none.
        Resumed = "resumed",
        /// Sent before the call was resumed: search for the key; send again only where keys are kept.
        Again = "again",
    }
}

/// The back ends, as a session sees them. Every answer comes within the adapter's own deadlines.
pub trait Network: Send + Sync + 'static {
    /// Asks. Never fails: `Unavailable` is an answer.
    fn look_up(&self, lookup: Lookup) -> impl Future<Output = Finding> + Send;

    /// Creates a ticket at most once for the order's key.
    fn create_ticket(
        &self,
        order: TicketOrder,
        attempt: Attempt,
    ) -> impl Future<Output = TicketResult> + Send;

    /// From now on the operator owns the unconfirmed order of that key: nothing is sent for it. A
    /// network that never sends by itself has nothing to give away.
    fn hand_over(&self, _key: String) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// No operator took it: the order goes back to whoever owned it.
    fn take_back(&self, _key: String) {}

    /// Whether the end of the call with that key is on record, wherever it was served. A network that
    /// keeps no records knows of none.
    fn is_over(&self, _call_key: Arc<str>) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }
}

/// How a POST of a ticket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It exists, with this id.
    Created(String),
    /// Another open visit ticket for the login stood in the way.
    AlreadyOpen,
    /// It was refused for good.
    Refused,
    /// Surely not taken: nothing was sent, or it is to be sent again later.
    NotTaken {
        /// When, if the ticket system said so.
        retry_in: Option<Duration>,
    },
    /// It may exist, now or later.
    Unclear,
}

/// What a look for the tickets of a key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// There surely is none by now.
    None,
    /// There is one, with this id.
    One(String),
    /// There is more than one: their ids, oldest first.
    Several(Vec<String>),
    /// It could not be found out.
    Unclear,
}

/// A ticket of ours in the ticket system, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurTicket {
    /// The key that it was ordered with.
    pub key: String,
    /// Its id in the ticket system.
    pub id: String,
}

/// The operations support systems as an adapter offers them: each request once, nothing remembered.
pub trait Oss: Send + Sync + 'static {
    /// Asks. Never fails: `Unavailable` is an answer.
    fn look_up(&self, lookup: Lookup) -> impl Future<Output = Finding> + Send;

    /// The request body of an order, to be frozen: the same order always gives the same.
    fn render(&self, order: &TicketOrder) -> Vec<u8>;

    /// Sends a frozen order, once.
    fn post_ticket(
        &self,
        key: &str,
        login: &Login,
        body: &[u8],
        within: Duration,
    ) -> impl Future<Output = Posted> + Send;

    /// Looks for the tickets of a key.
    fn find_ticket(
        &self,
        key: &str,
        login: &Login,
        within: Duration,
    ) -> impl Future<Output = Sought> + Send;

    /// All tickets whose key begins with `ivr:`; `None` if that could not be found out.
    fn our_tickets(&self) -> impl Future<Output = Option<Vec<OurTicket>>> + Send;
}
