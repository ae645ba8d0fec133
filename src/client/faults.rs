//! What goes wrong on the way from a gateway to the service, on purpose and by a seed.

use std::time::Duration;

use crate::chance::Chance;

/// What goes wrong between the gateway and the service, in thousandths of the events sent. The same
/// seed gives the same faults. None of them may change a call.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// When each of them happens.
    pub chance: Chance,
    /// An event is sent twice.
    pub duplicate: u16,
    /// An event is sent 60 ms late, and all behind it.
    pub delay: u16,
    /// An event is sent behind the next one.
    pub reorder: u16,
    /// An event is lost, with its stream.
    pub drop: u16,
    /// The stream breaks behind an event.
    pub reconnect: u16,
}

/// HTTP/2 loses no message of a stream that lives: a stream that lost one breaks so soon after, if
/// the gap that the next event makes has not ended it by then.
pub(super) const OUTLIVES: Duration = Duration::from_millis(500);
/// How late a delayed event is.
pub(super) const DELAY: Duration = Duration::from_millis(60);

/// What happens to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Duplicate,
    Delay,
    Reorder,
    Drop,
    Reconnect,
}

impl Faults {
    /// The fault of the next event.
    pub(super) fn draw(&mut self) -> Fault {
        let mut chance = u16::try_from(self.chance.below(1_000)).unwrap_or(0);
        let kinds = [
            (self.duplicate, Fault::Duplicate),
            (self.delay, Fault::Delay),
            (self.reorder, Fault::Reorder),
            (self.drop, Fault::Drop),
            (self.reconnect, Fault::Reconnect),
        ];
        for (share, fault) in kinds {
            if chance < share {
                return fault;
            }
            chance -= share;
        }
        Fault::None
    }
}
