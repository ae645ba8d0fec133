//! The ticket: at most one a call, and only on the whole list of what it needs.

use crate::call::{Disposition, Locale, ticket_key};
use crate::dialog::Dialog;
use crate::dialog::action::{Action, TicketState};
use crate::dialog::findings::number_of;
use crate::dialog::say::Broken;
use crate::dialog::state::{Facts, Phase, Slot, Ticket};
use crate::flow::Outcome;
use crate::lookup::{Attempt, OpenTicket, TicketOrder, TicketResult};

impl Dialog {
    /// Whether everything that a ticket needs is there: own number, home confirmed, no outage and
    /// no open ticket (both known), a damaged cable, the fee paid, a clear yes, none ordered yet.
    fn may_order(&self) -> bool {
        let core = &self.core;
        let Facts {
            identified,
            home,
            consent,
            ..
        } = core.facts;
        let classes = [core.outage, core.tickets, core.line_test, core.fee].map(Slot::class);
        let wanted = [
            Outcome::None,
            Outcome::None,
            Outcome::CableFault,
            Outcome::Paid,
        ]
        .map(Some);
        identified && home && consent && classes == wanted && core.ticket == Ticket::None
    }

    /// Orders the ticket, unless anything that it needs is missing: a fault of the flow.
    pub(super) fn order(&mut self) -> Result<(), Broken> {
        let order = self
            .ticket_order()
            .filter(|_| self.may_order())
            .ok_or(Broken)?;
        self.core.ticket = Ticket::Ordered;
        self.case.ticket_state = Some(TicketState::Unconfirmed);
        self.actions
            .push(Action::CreateTicket(Box::new(order), Attempt::First));
        Ok(())
    }

    /// After a resume: the order may have been sent before.
    pub(super) fn order_again(&mut self) {
        if let Some(order) = self.ticket_order() {
            self.actions
                .push(Action::CreateTicket(Box::new(order), Attempt::Again));
        }
    }

    /// The order, the same whenever it is made in this call.
    fn ticket_order(&self) -> Option<TicketOrder> {
        let line = self.case.line()?;
        Some(TicketOrder {
            key: self.ticket_key(),
            login: line.login.clone(),
            customer: self.case.subscriber.as_ref()?.customer.clone(),
            contact: self.offer.from.clone()?,
            locale: self.core.locale.unwrap_or(Locale::Ru),
            test: self.case.test.clone()?,
            call_began: self.offer.began,
        })
    }

    pub(super) fn ticket_key(&self) -> String {
        ticket_key(&self.offer.call_key)
    }

    /// The ticket system answered, perhaps after the caller has gone on.
    pub(super) fn ticket_finished(&mut self, result: TicketResult) {
        if self.core.ticket == Ticket::None || self.core.ticket == Ticket::Created {
            return;
        }
        let outcome = self.take_result(result);
        if self.core.phase == Phase::Ticketing {
            self.leave_by(outcome);
        }
    }

    fn take_result(&mut self, result: TicketResult) -> Outcome {
        let (ticket, state, outcome) = match result {
            TicketResult::Created { id } => {
                self.core.facts.numbered = number_of(&id).is_some();
                self.case.ticket_id = Some(id.clone());
                self.achieve(Disposition::TicketCreated);
                self.found_own_ticket(id);
                (Ticket::Created, TicketState::Created, Outcome::Created)
            }
            TicketResult::AlreadyOpen => {
                self.found_own_ticket(String::new());
                (
                    Ticket::Failed,
                    TicketState::AlreadyOpen,
                    Outcome::AlreadyOpen,
                )
            }
            TicketResult::Unconfirmed => {
                // An unconfirmed order counts as an open ticket: nothing is offered again.
                self.core.tickets = Slot::Ready(Outcome::Unavailable);
                (
                    Ticket::Unconfirmed,
                    TicketState::Unconfirmed,
                    Outcome::Unconfirmed,
                )
            }
            TicketResult::Refused => (Ticket::Failed, TicketState::Refused, Outcome::Refused),
            TicketResult::Unavailable => {
                (Ticket::Failed, TicketState::NotSent, Outcome::Unavailable)
            }
        };
        self.core.ticket = ticket;
        self.case.ticket_state = Some(state);
        outcome
    }

    /// From here on the login has an open ticket, for whatever the caller asks next.
    fn found_own_ticket(&mut self, id: String) {
        let now = self.now();
        let ticket = OpenTicket {
            id,
            created_at: Some(now),
            visit_at: None,
        };
        let class = self.open_ticket(ticket);
        self.core.tickets = Slot::Ready(class);
    }

    /// The wait for the ticket is over: it may exist or not.
    pub(super) fn ticket_overdue(&mut self) {
        let outcome = self.take_result(TicketResult::Unconfirmed);
        self.leave_by(outcome);
    }
}
