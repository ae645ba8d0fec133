//! What answers the look-ups of a talk: real back ends, or mocked ones, over HTTP; and around them,
//! or around a script's situation, what can be broken and slowed down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::cli::demo;
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::lookup::Network;
use crate::network;
use crate::network::TmForum;
use crate::script::run::BackEnds;
use crate::store::memory::Memory;
use crate::tickets::Desk;

/// How long a mocked line test takes.
const LINE_TEST: Duration = Duration::from_millis(400);

/// Real back ends over HTTP, asked one after the other; what they take is the call's time.
#[derive(Clone)]
pub(super) struct Http {
    runtime: Arc<Runtime>,
    network: Desk<Memory, TmForum>,
}

impl Http {
    pub(super) fn new(root: Option<&str>) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let root = match root {
            Some(root) => root.to_owned(),
            None => runtime.block_on(demo::mock(LINE_TEST))?.0,
        };
        let back_ends = TmForum::new(network::Settings::new(root)).map_err(|e| e.to_string())?;
        let network = runtime.block_on(async { demo::desk(back_ends) });
        Ok(Self {
            runtime: Arc::new(runtime),
            network,
        })
    }
}

impl BackEnds for Http {
    fn answer(&mut self, action: &Action) -> Option<(u32, Event)> {
        let began = Instant::now();
        let event = if let Action::LookUp(lookup) = action {
            Event::Found(self.runtime.block_on(self.network.look_up(lookup.clone())))
        } else if let Action::CreateTicket(order, attempt) = action {
            let order = order.as_ref().clone();
            Event::TicketFinished(
                self.runtime
                    .block_on(self.network.create_ticket(order, *attempt)),
            )
        } else {
            return None;
        };
        Some((
            u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
            event,
        ))
    }
}

/// Back ends that can be broken and slowed down while one talks.
#[derive(Clone)]
pub(super) struct Breakable<B> {
    inner: B,
    pub(super) broken: BTreeSet<String>,
    pub(super) delays: BTreeMap<String, u32>,
}

impl<B> Breakable<B> {
    pub(super) const fn new(inner: B) -> Self {
        Self {
            inner,
            broken: BTreeSet::new(),
            delays: BTreeMap::new(),
        }
    }
}

impl<B: BackEnds> BackEnds for Breakable<B> {
    fn answer(&mut self, action: &Action) -> Option<(u32, Event)> {
        let name = if let Action::LookUp(lookup) = action {
            lookup.kind().as_str()
        } else {
            TICKET
        };
        if self.broken.contains(name) {
            return None;
        }
        let (after_ms, event) = self.inner.answer(action)?;
        let delay = self.delays.get(name).copied();
        Some((delay.unwrap_or(after_ms), event))
    }
}

/// The ticket system, beside the look-ups.
pub(super) const TICKET: &str = "ticket";
