//! `dana demo --chaos`: the service is killed four times under a call, for real.

use super::*;

/// What Dana says in the lines of a conversation.
fn said(lines: &str) -> Vec<String> {
    let dana = dana::script::render::dana(lines);
    dana.lines().map(str::to_owned).collect()
}

fn demo(args: &[&str]) -> (Option<i32>, String) {
    let home = env!("CARGO_MANIFEST_DIR");
    let args = [&["demo", "--bundle", home], args].concat();
    let (code, out, talk) = dana(&args);
    (code, format!("{out}{talk}"))
}

#[test]
fn a_call_goes_on_word_for_word_though_its_service_is_killed_four_times() {
    let (code, text) = demo(&["--chaos"]);
    assert_eq!(code, Some(0), "{text}");
    let (conversation, rest) = text.split_once("\ntickets\n").expect("the tickets");
    let (tickets, rest) = rest.split_once("\nendings\n").expect("the endings");
    assert_eq!(tickets, "  TT-900345  login …0101  asked for once\n");

    // Where the service dies, and what the caller has of it.
    let happens = [
        "~       the service is killed while the line test is out",
        "Dana    listens: confirm_home",
        "~       the service is killed in a prompt",
        "~       heard to its end: Уточню: проблема с домашним интернетом",
        "caller  «да домашний интернет»",
        "Dana    listens: confirm_ticket",
        "~       the service is killed while the ticket is ordered: it exists, the answer is lost",
        "~       back after ",
        "Dana    [ru] Номер заявки",
        "Dana    hangs up: ticket_created",
        "~       the service is killed in the farewell",
        "~       heard to its end: Спасибо за звонок.",
        "call    ended by dana",
    ];
    assert_eq!(conversation.matches("~       back after ").count(), 4);
    let mut lines = conversation.lines();
    for wanted in happens {
        let comes = lines.any(|line| line.contains(wanted));
        assert!(comes, "`{wanted}` does not come in its place:\n{text}");
    }

    let endings = [
        "cable, Russian         ticket_created             tickets 1",
        "mass outage            informed_outage            tickets 0",
        "open ticket            informed_existing_ticket   tickets 0",
        "no fault               transferred_operator       tickets 0",
        "fee not paid           informed_fee               tickets 0",
        "mobile in a package    transferred_universal      tickets 0",
        "mobile, no package     redirected_116             tickets 0",
        "unknown number         transferred_operator       tickets 0",
        "silence                transferred_operator       tickets 0",
        "hangs up in the offer  caller_hung_up             tickets 0",
    ];
    let table = rest.lines().take(endings.len());
    let table = table.map(|line| line.split(", dead air").next().unwrap_or_default());
    let wanted = endings.map(|ending| format!("  ok  {ending}"));
    assert_eq!(table.collect::<Vec<_>>(), wanted);
    assert!(rest.contains("\nkilled 4 times, back after "), "{rest}");
    let last = "\nnothing was lost, nothing ordered twice, nothing said twice\n";
    assert!(rest.contains(last), "{rest}");

    // The same words as without a kill. Whoever waits is told so, which is what is said more.
    let (code, undisturbed) = demo(&["--only", "cable, Russian"]);
    assert_eq!(code, Some(0), "{undisturbed}");
    let (undisturbed, _) = undisturbed.split_once("\ntickets\n").expect("the tickets");
    let undisturbed = undisturbed.replace("cable, Russian        ", "");
    let waits = |line: &String| WAITS.iter().any(|waits| line.contains(waits));
    let words = |text: &str| -> Vec<String> {
        let all = said(text).into_iter();
        all.filter(|line| !waits(line)).collect()
    };
    assert_eq!(words(conversation), words(&undisturbed));
}

/// The prompts that break a silence, `waiting` of the flow.
const WAITS: [&str; 4] = [
    "Секунду, я проверяю.",
    "Ещё немного, пожалуйста,",
    "Всё ещё проверяю.",
    "Оформляю заявку, одну минуту.",
];
