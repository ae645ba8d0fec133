//! `dana prompts` as people meet it.

use std::fs;
use std::process::{Command, Output};

use dana::audio::wav;

use super::folder::bundle;

fn prompts(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_dana"))
        .arg("prompts")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // No voice is installed here, whatever the machine has.
        .env("PATH", "/nowhere")
        .output();
    output.expect("it starts")
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn every_clip_is_listed_with_source_length_use_and_text() {
    let (code, data, talk) = told(&prompts(&["list", "--locale", "ru"]));
    assert_eq!(
        (code, talk.contains("the voice of `kk` is a placeholder")),
        (0, true)
    );
    let line = |id: &str| {
        let line = data
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(id));
        line.unwrap_or_else(|| panic!("{id} is listed")).to_owned()
    };
    for (id, source, used, text) in [
        ("open", "synthetic", "open", "Расскажите, что случилось?"),
        (
            "ticket_number-1",
            "synthetic",
            "ticket_number",
            "Номер заявки:",
        ),
        ("wait_2-alt2", "synthetic", "waiting", "Всё ещё проверяю."),
        ("hour_at-14", "synthetic", "numbers", "в четырнадцать часов"),
    ] {
        let line = line(id);
        assert!(line.starts_with(&format!("ru  {id} ")), "{line}");
        for word in [source, used, text] {
            assert!(line.contains(word), "{line}");
        }
    }
    let (code, data, _) = told(&prompts(&["list", "--format", "json"]));
    let clips: Vec<serde_json::Value> = data
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((code, clips.len() > 1_000), (0, true));
}

#[test]
fn the_check_measures_all_and_says_what_is_wrong() {
    let (code, data, talk) = told(&prompts(&["check"]));
    assert_eq!((code, talk.as_str()), (0, ""), "{data}");
    let lines: Vec<_> = data.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("ru: ") && lines[1].ends_with(" synthetic"));

    // A clip that the manifest believes and nobody should: too quiet.
    let folder = bundle(&["open"]);
    let path = folder.path().join("audio/ru/open.wav");
    let quiet: Vec<i16> = (wav::read_clip(&fs::read(&path).expect("a clip")).expect("a clip"))
        .iter()
        .map(|sample| sample / 4)
        .collect();
    let quiet = wav::write(&quiet);
    let manifest = folder.path().join("audio/ru/manifest.jsonl");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let hash = text
        .split("\"sha256\":\"")
        .nth(1)
        .and_then(|rest| rest.get(..64))
        .expect("a hash");
    let text = text.replace(hash, &dana::digest::sha256(&quiet));
    fs::write(&manifest, text).expect("a manifest");
    fs::write(&path, quiet).expect("a clip");
    let home = folder.path().display().to_string();
    let (code, data, _) = told(&prompts(&["check", "--locale", "ru", "--bundle", &home]));
    assert_eq!(code, 1);
    assert!(
        data.contains("audio/ru/open.wav: its loudness is -35.0 LUFS, it must be -23 ± 1"),
        "{data}"
    );
    assert!(data.contains("audio/ru/open.wav: the manifest says -23.0 LUFS, it has -35.0"));
}

#[test]
fn a_voice_that_is_not_installed_is_named_with_the_way_to_install_it() {
    let folder = bundle(&[]);
    let home = folder.path().display().to_string();
    for (locale, voice, package) in [
        (
            "ru",
            "the voice elena of RHVoice is not installed",
            "rhvoice-russian",
        ),
        (
            "kk",
            "the voice kk+f3 of eSpeak NG is not installed",
            "espeak-ng",
        ),
    ] {
        let (code, _, talk) = told(&prompts(&["render", "--locale", locale, "--bundle", &home]));
        assert_eq!(code, 3, "{talk}");
        assert!(talk.contains(voice) && talk.contains(package), "{talk}");
    }
    let (code, _, talk) = told(&prompts(&["render"]));
    assert_eq!(
        (code, talk.as_str()),
        (0, "kk: nothing to render\nru: nothing to render\n")
    );
}

#[test]
fn a_sentence_is_said_from_clips() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("number.wav");
    let name = file.display().to_string();
    let sentence = "Номер заявки: {digits=907}.";
    let (code, data, talk) = told(&prompts(&["say", sentence, "--record", &name]));
    assert_eq!((code, talk.as_str()), (0, ""));
    let ids: Vec<_> = data
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(ids, ["ticket_number-1", "digit-9", "digit-0", "digit-7"]);
    let samples = wav::read_clip(&fs::read(&file).expect("a file")).expect("a clip");
    assert!(samples.len() > 8_000, "{} samples", samples.len());

    let values = "{time_until=18:30}{date=2026-11-25}{number=2001}{duration=2:30}";
    let (code, data, talk) = told(&prompts(&["say", values, "--record", &name]));
    let ids: Vec<_> = data
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    let clips =
        "hour_until-18 minute_until-30 day-25 month-11 thousand-2 cardinal-1 in_hours-2 minutes-30";
    assert_eq!((code, ids.join(" ").as_str()), (0, clips), "{talk}");
    for wrong in [
        "{number=10000}",
        "{date=2026-02-30}",
        "{duration=99999999999:00}",
        "{digits=5",
    ] {
        let (code, _, talk) = told(&prompts(&["say", wrong, "--record", &name]));
        assert_eq!(code, 2, "{wrong}: {talk}");
        assert!(talk.contains("cannot be said"), "{wrong}: {talk}");
    }
}

#[cfg(not(feature = "speaker"))]
#[test]
fn a_build_without_a_speaker_says_how_to_get_one() {
    for args in [&["play", "open"][..], &["say", "{digits=1}"][..]] {
        let (code, _, talk) = told(&prompts(args));
        assert_eq!(code, 3, "{talk}");
        assert!(talk.contains("--features speaker"), "{talk}");
    }
}

#[test]
fn the_script_for_a_voice_talent_has_every_clip_of_its_language() {
    let (code, page, _) = told(&prompts(&["script", "--locale", "kk"]));
    assert_eq!(code, 0);
    assert!(page.starts_with("# Recording script: Kazakh, "), "{page}");
    let rows = page.lines().filter(|line| line.contains(".wav | ")).count();
    let clips = super::BUNDLE.catalog.clips(dana::call::Locale::Kk).count();
    assert_eq!(rows, clips);
    assert!(page.contains("| hour_until-18.wav | сағат он сегізге дейін |"));
    // Names are as they are spoken.
    assert!(!page.contains("beeline.kz"));
}
