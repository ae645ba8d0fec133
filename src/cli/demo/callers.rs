//! The callers of the demo, each on a subscriber of the mock, and how his call has to end.

use crate::call::{Disposition, Locale};
use crate::problem::{Problems, Source};
use crate::script::{Script, parse};

/// A caller: name, number, language hint, what he does, how it has to end, tickets.
pub(in crate::cli) struct Caller {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) number: &'static str,
    pub(in crate::cli) locale: Option<Locale>,
    pub(in crate::cli) does: &'static str,
    pub(in crate::cli) ends: Disposition,
    pub(in crate::cli) tickets: usize,
}

impl Caller {
    /// The login of his line.
    pub(in crate::cli) fn login(&self) -> String {
        format!("07700{}", self.number.get(7..).unwrap_or(""))
    }

    /// What he does, as a script.
    pub(in crate::cli) fn script(&self) -> Result<Script, Problems> {
        let mut text = "caller\n".to_owned();
        for line in self.does.lines() {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
        parse::parse(&Source::new(self.name, text))
    }
}

const RU: Option<Locale> = Some(Locale::Ru);
const KK: Option<Locale> = Some(Locale::Kk);

/// The callers of the demo, each on a subscriber of the mock.
pub(in crate::cli) const CALLERS: &[Caller] = &[
    Caller {
        name: "cable, Russian",
        number: "+77770000101",
        locale: RU,
        does: "open says \"третий час сидим без интернета\"\nconfirm_home says \"да домашний интернет\"\nconfirm_ticket says \"да создайте\"\nanything_else says \"нет благодарю\"",
        ends: Disposition::TicketCreated,
        tickets: 1,
    },
    Caller {
        name: "cable, Kazakh",
        number: "+77770000102",
        locale: KK,
        does: "open says \"интернетім өшіп қалыпты\"\nconfirm_home says \"иә осы үйдікі\"\nconfirm_ticket says \"тағы бір қайталап жіберіңізші\"\nconfirm_ticket says \"мақұл жасаңыз\"\nanything_else says \"басқа сұрақ жоқ\"",
        ends: Disposition::TicketCreated,
        tickets: 1,
    },
    Caller {
        name: "mass outage",
        number: "+77770000104",
        locale: RU,
        does: "confirm_home says \"да домашний\"\nanything_else says \"нет спасибо\"",
        ends: Disposition::InformedOutage,
        tickets: 0,
    },
    Caller {
        name: "open ticket",
        number: "+77770000106",
        locale: KK,
        does: "anything_else says \"жоқ рақмет\"",
        ends: Disposition::InformedExistingTicket,
        tickets: 0,
    },
    Caller {
        name: "no fault",
        number: "+77770000108",
        locale: RU,
        does: "open says \"скорости нет совсем еле шевелится\"\nconfirm_home says \"да по вайфаю дома\"",
        ends: Disposition::TransferredOperator,
        tickets: 0,
    },
    Caller {
        name: "fee not paid",
        number: "+77770000111",
        locale: RU,
        does: "open says \"нет интернета\"\nconfirm_home presses 1\nconfirm_operator says \"нет\"\nanything_else says \"нет\"",
        ends: Disposition::InformedFee,
        tickets: 0,
    },
    Caller {
        name: "mobile in a package",
        number: "+77770000915",
        locale: RU,
        does: "open says \"вопрос по мобильной связи\"",
        ends: Disposition::TransferredUniversal,
        tickets: 0,
    },
    Caller {
        name: "mobile, no package",
        number: "+77770000114",
        locale: KK,
        does: "open says \"ұялы байланыс бойынша сұрақ\"\nanything_else says \"жоқ\"",
        ends: Disposition::Redirected116,
        tickets: 0,
    },
    Caller {
        name: "unknown number",
        number: "+77779999999",
        locale: None,
        does: "open says \"интернет не работает\"\nconfirm_home says \"да\"\nask_login presses 0770000777#",
        ends: Disposition::TransferredOperator,
        tickets: 0,
    },
    Caller {
        name: "silence",
        number: "+77770000108",
        locale: RU,
        does: "",
        ends: Disposition::TransferredOperator,
        tickets: 0,
    },
    Caller {
        name: "ticket times out",
        number: "+77770000118",
        locale: RU,
        does: "open says \"кабель порвали\"\nconfirm_home says \"да\"\nconfirm_ticket says \"да создавайте\"\nanything_else says \"нет\"",
        ends: Disposition::TicketCreated,
        tickets: 1,
    },
    Caller {
        name: "hangs up in the offer",
        number: "+77770000116",
        locale: RU,
        does: "choose_login presses 2\nopen says \"интернет пропал\"\nconfirm_home says \"да\"\nconfirm_ticket hangs up over=1s",
        ends: Disposition::CallerHungUp,
        tickets: 0,
    },
];
