//! A bundle's audio folder as people leave it: changed texts, wrong files, recordings to import.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dana::audio::manifest::is_clip;
use dana::audio::wav;
use dana::bundle::Bundle;
use dana::call::Locale;
use tempfile::TempDir;

const HOME: &str = env!("CARGO_MANIFEST_DIR");

/// A bundle with the texts of ours, and of the audio what a test names.
pub(crate) fn bundle(clips: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (Path::new(HOME), folder.path());
    for room in ["flows", "grammars", "prompts"] {
        fs::create_dir(to.join(room)).expect("a folder");
        for file in fs::read_dir(from.join(room)).expect("our files") {
            let file = file.expect("a file");
            fs::copy(file.path(), to.join(room).join(file.file_name())).expect("a copy");
        }
    }
    for &locale in Locale::ALL {
        let (from, to) = (
            from.join("audio").join(locale.as_str()),
            to.join("audio").join(locale.as_str()),
        );
        fs::create_dir_all(&to).expect("a folder");
        let manifest = fs::read_to_string(from.join("manifest.jsonl")).expect("a manifest");
        let wanted = |line: &&str| {
            clips
                .iter()
                .any(|id| line.contains(&format!("\"id\":\"{id}\"")))
        };
        let lines: Vec<&str> = manifest.lines().filter(wanted).collect();
        let lines = lines.join("\n") + "\n";
        fs::write(to.join("manifest.jsonl"), lines).expect("a manifest");
        for id in clips {
            let name = format!("{id}.wav");
            fs::copy(from.join(&name), to.join(&name)).expect("a copy");
        }
    }
    folder
}

/// Problems that are about something: not the many clips that a test leaves out.
fn problems(folder: &TempDir) -> Vec<String> {
    let bundle = Bundle::load(folder.path()).expect("texts are good");
    let told = bundle
        .audio_problems
        .iter()
        .map(|problem| problem.title().to_owned());
    told.filter(|title| !title.contains("has no audio in"))
        .collect()
}

#[test]
fn a_changed_text_loses_its_audio_and_is_told() {
    let folder = bundle(&["open", "goodbye"]);
    assert_eq!(problems(&folder), Vec::<String>::new());
    let texts = folder.path().join("prompts/ru.toml");
    let text = fs::read_to_string(&texts).expect("texts");
    let text = text.replace(
        "goodbye = \"Спасибо за звонок.",
        "goodbye = \"Спасибо, что позвонили.",
    );
    fs::write(&texts, text).expect("texts");
    assert_eq!(
        problems(&folder),
        ["the text of `goodbye` changed after its audio in `ru`"]
    );
    // Callers hear the new words by synthesis, never the old ones.
    let bundle = Bundle::load(folder.path()).expect("texts are good");
    let clip = bundle.catalog.clip(Locale::Ru, "goodbye").expect("a clip");
    assert_eq!(clip.recorded, None);
    assert!(bundle.audio.get(Locale::Ru, "open").is_some());
}

#[test]
fn a_wrong_file_is_told_with_its_name() {
    let folder = bundle(&["open", "goodbye", "operator", "checking"]);
    let audio = folder.path().join("audio/ru");
    fs::remove_file(audio.join("open.wav")).expect("it was there");
    fs::write(audio.join("goodbye.wav"), wav::write(&[1, 2, 3])).expect("a file");
    fs::write(audio.join("operator.wav"), b"RIFF").expect("a file");
    fs::remove_file(audio.join("checking.wav")).expect("it was there");
    std::os::unix::fs::symlink("/etc/passwd", audio.join("checking.wav")).expect("a link");
    fs::write(audio.join("stray.wav"), b"").expect("a file");
    let manifest = audio.join("manifest.jsonl");
    let mut lines = fs::read_to_string(&manifest).expect("a manifest");
    let line = lines.lines().next().expect("a line").to_owned();
    lines.push_str(&line.replace("\"checking\"", "\"../../etc/passwd\""));
    lines.push_str("\n{\"id\":\"half\n");
    lines.push_str(&line.replace("\"checking\"", "\"nobody_says_it\""));
    fs::write(&manifest, lines).expect("a manifest");
    let mut told = problems(&folder);
    told.sort();
    let half = told
        .iter()
        .position(|title| title.starts_with("no clip can be read here"));
    told.remove(half.expect("the broken line is told"));
    assert_eq!(
        told,
        [
            "`../../etc/passwd` cannot name a clip",
            "`stray.wav` is not in the manifest",
            "audio/ru/checking.wav: it is no plain file",
            "audio/ru/goodbye.wav: it is another file than the manifest knows: import it",
            "audio/ru/open.wav: No such file or directory (os error 2)",
            "audio/ru/operator.wav: this is no WAV file",
            "nothing says `nobody_says_it`",
        ]
    );
    for id in [
        "",
        "../x",
        "/etc/passwd",
        "a\0b",
        "C:x",
        "аудио",
        "Open",
        &"a".repeat(65),
    ] {
        assert!(!is_clip(id), "{id}");
    }
}

fn import(folder: &TempDir, from: &TempDir, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_dana"))
        .args(["prompts", "import"])
        .arg(from.path())
        .arg("--bundle")
        .arg(folder.path())
        .args(args)
        .output();
    output.expect("it starts")
}

#[test]
fn recordings_are_imported_and_what_is_wrong_with_the_others_is_said() {
    let folder = bundle(&["open"]);
    let studio = tempfile::tempdir().expect("a folder");
    // The studio's file is our clip of it, with silence around it.
    let source = fs::read(Path::new(HOME).join("audio/kk/goodbye.wav")).expect("our clip");
    let clip = wav::read_clip(&source).expect("our clip");
    let silence = || std::iter::repeat_n(0, 4_000);
    let long: Vec<i16> = silence()
        .chain(clip.iter().copied())
        .chain(silence())
        .collect();
    let loud: Vec<i16> = clip
        .iter()
        .map(|sample| sample.saturating_mul(40))
        .collect();
    let put =
        |name: &str, bytes: &[u8]| fs::write(studio.path().join(name), bytes).expect("a file");
    put("goodbye.wav", &wav::write(&long));
    put("operatr.wav", &wav::write(&long));
    put("operator.wav", &wav::write(&loud));
    put("open.wav", &wav::write(&[0; 8_000]));
    put("advised.wav", &wav::write(&clip));
    put("notes.txt", b"Do not read me");

    let output = import(&folder, &studio, &["--locale", "kk", "--voice", "Studio"]);
    let talk =
        String::from_utf8_lossy(&output.stderr).replace(&studio.path().display().to_string(), "");
    assert_eq!(output.status.code(), Some(1), "{talk}");
    let lines: Vec<&str> = talk.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "error: /open.wav: it is silent",
            "error: /operator.wav: its peaks are cut off: record it again, softer",
            "error: /operatr.wav: nothing in `kk` is called `operatr` (did you mean `operator`?)",
            "kk: 1 taken, 4 refused",
        ]
    );
    assert!(lines[0].starts_with("error: /advised.wav: ") && lines[0].contains("cannot be right"));

    let bundle = Bundle::load(folder.path()).expect("texts are good");
    let audio = bundle
        .audio
        .get(Locale::Kk, "goodbye")
        .expect("it was taken");
    assert_eq!(
        (audio.entry.source.as_str(), audio.entry.voice.as_str()),
        ("recorded", "Studio")
    );
    assert!(
        audio.samples().expect("its file").len() < clip.len() + 800,
        "the silence was cut"
    );
    // What was there before stays.
    assert!(bundle.audio.get(Locale::Kk, "open").is_some());
}

#[test]
fn an_import_without_a_language_or_files_is_refused() {
    let folder = bundle(&[]);
    let studio = tempfile::tempdir().expect("a folder");
    for (args, word) in [
        (&[][..], "--locale kk"),
        (&["--locale", "kk"][..], "no .wav files"),
    ] {
        let output = import(&folder, &studio, args);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{talk}");
        assert!(talk.contains(word), "{talk}");
    }
}
