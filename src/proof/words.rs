//! What a caller says in a script that the proof writes: words that the bundle's own grammars
//! understand as what is meant.

use crate::bundle::Bundle;
use crate::call::{Locale, Question, Topic};
use crate::dialog::hear::Heard;
use crate::understanding::Intent;

/// Words with no meaning to any grammar.
pub(super) mod word {
    /// Nothing that answers a question.
    pub(in crate::proof) const UNCLEAR: &str = "кхм";
}

/// Ways to say it, in the order in which they are tried.
const WORDS: &[(Intent, &[&str])] = &[
    (Intent::Yes, &["да", "да, домашний", "иә", "да, верно"]),
    (Intent::No, &["нет", "жоқ", "нет, спасибо"]),
    (
        Intent::Operator,
        &["оператор", "соедините с оператором", "операторға қосыңыз"],
    ),
    (
        Intent::Language(Locale::Ru),
        &["говорите по-русски", "по-русски"],
    ),
    (
        Intent::Language(Locale::Kk),
        &["қазақша сөйлеңіз", "қазақша"],
    ),
    (
        Intent::Repeat,
        &["повторите", "қайталаңызшы", "повторите пожалуйста"],
    ),
];

const TOPICS: &[(Topic, &[&str])] = &[
    (Topic::InternetDown, &["нет интернета", "интернет жоқ"]),
    (Topic::CableDamaged, &["порвали кабель", "кабель үзілген"]),
    (
        Topic::FrequentDrops,
        &["интернет постоянно обрывается", "интернет үзіліп тұр"],
    ),
    (
        Topic::SlowInternet,
        &["медленный интернет", "интернет баяу"],
    ),
    (
        Topic::Tv,
        &["не работает телевидение", "теледидар көрсетпейді"],
    ),
    (Topic::Password, &["забыл пароль", "құпия сөзді ұмыттым"]),
    (
        Topic::PaidWrongLogin,
        &["оплатил не на тот логин", "басқа логинге төледім"],
    ),
    (
        Topic::PaymentNotArrived,
        &["оплата не поступила", "төлем түспеді"],
    ),
    (
        Topic::ChangeTariff,
        &["хочу сменить тариф", "тарифті ауыстырғым келеді"],
    ),
    (
        Topic::TechnicianEta,
        &["когда придёт техник", "техник қашан келеді"],
    ),
    (
        Topic::CallbackWait,
        &[
            "жду звонка от техподдержки",
            "мне обещали перезвонить",
            "қоңырау күтіп отырмын",
        ],
    ),
    (
        Topic::MobileNumber,
        &["вопрос по мобильной связи", "мобильді байланыс туралы"],
    ),
    (
        Topic::Relocation,
        &["мы переезжаем", "басқа пәтерге көшеміз", "переезд"],
    ),
    (
        Topic::TariffInfo,
        &["какой у меня тариф", "менің тарифім қандай"],
    ),
    (
        Topic::MobileBalance,
        &[
            "сколько осталось минут",
            "сколько осталось гигабайт",
            "қанша минут қалды",
        ],
    ),
    (
        Topic::StaticIp,
        &["нужен статический айпи", "статикалық айпи керек"],
    ),
    (
        Topic::EquipmentLostOrDamaged,
        &["сломался роутер", "роутер сынып қалды", "потерял пульт"],
    ),
    (
        Topic::VoluntaryBlock,
        &[
            "хочу приостановить интернет",
            "заблокировать интернет на время",
            "интернетті уақытша тоқтату",
        ],
    ),
    (
        Topic::ReturnEquipment,
        &["хочу вернуть роутер", "роутерді қайтарғым келеді"],
    ),
];

/// What to say to be understood so.
pub(super) fn said(
    bundle: &Bundle,
    locale: Option<Locale>,
    question: Question,
    heard: &Heard,
) -> Option<String> {
    let intent = match heard {
        Heard::Yes => Intent::Yes,
        Heard::No => Intent::No,
        Heard::Operator => Intent::Operator,
        Heard::Repeat => Intent::Repeat,
        Heard::Language(to) => Intent::Language(*to),
        Heard::Topic { topic, .. } => Intent::Topic(*topic),
        Heard::Digits(_)
        | Heard::Place { .. }
        | Heard::Silence
        | Heard::NoMatch
        | Heard::Broken
        | Heard::Nothing => return None,
    };
    let own = WORDS
        .iter()
        .find(|(of, _)| *of == intent)
        .map(|(_, words)| *words);
    let topic = TOPICS.iter().find(|(of, _)| intent == Intent::Topic(*of));
    let topic = topic.map(|(_, words)| *words);
    let own = own.or(topic).unwrap_or(&[]);
    let hints = bundle.grammars.phrases(locale, Question::Open);
    let all = own.iter().copied().chain(hints.iter().map(AsRef::as_ref));
    let accept = bundle.flow.limits.accept_permille;
    let means = |question, text: &str, wanted: Intent| {
        let understood = bundle.grammars.understand(locale, question, text);
        let at_home = matches!(wanted, Intent::Language(_))
            || understood
                .locale
                .is_none_or(|of| locale.is_none_or(|locale| of == locale));
        understood.intent == wanted && understood.score >= accept && at_home
    };
    let fits = |text: &str| {
        let elsewhere = matches!(intent, Intent::Topic(_))
            && means(question, text, Intent::OtherTopic)
            && means(Question::Open, text, intent);
        means(question, text, intent) || elsewhere
    };
    let mut all = all.filter(|text| fits(text));
    all.next().map(str::to_owned)
}
