//! Voices that read a text aloud: programs of the machine, found when they are needed. No call ever
//! waits for one.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::audio::manifest::Origin;
use crate::audio::wav::{self, Sound};
use crate::call::Locale;

/// A stress is an acute behind its vowel.
const STRESS: char = '\u{301}';

/// A voice of a locale.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// The program's name, as the manifest tells it.
    pub engine: &'static str,
    /// Its executable.
    program: &'static str,
    /// Debian's package of it, for its version.
    package: &'static str,
    /// Whose voice.
    pub name: &'static str,
    /// What it is good for.
    pub origin: Origin,
    /// How to install it.
    install: &'static str,
}

/// Elena of `RHVoice`: GPL, female, the best understood of those that may be shipped.
const RUSSIAN: Voice = Voice {
    engine: "RHVoice",
    program: "RHVoice-test",
    package: "rhvoice",
    name: "elena",
    origin: Origin::Synthetic,
    install: "on Debian 12: add the suite bookworm-backports with the component non-free, then `apt-get install -t bookworm-backports rhvoice rhvoice-russian`",
};
/// A robot: there is no free Kazakh voice that callers should hear.
const KAZAKH: Voice = Voice {
    engine: "eSpeak NG",
    program: "espeak-ng",
    package: "espeak-ng",
    name: "kk+f3",
    origin: Origin::Placeholder,
    install: "on Debian: `apt-get install espeak-ng`",
};

/// Why nothing was spoken.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    /// The program is not there.
    #[error("the voice {voice} of {engine} is not installed ({error})\nhint: {install}")]
    Missing {
        /// The voice.
        voice: &'static str,
        /// The program.
        engine: &'static str,
        /// What the system said.
        error: std::io::Error,
        /// How to install it.
        install: &'static str,
    },
    /// The program ended without a sound.
    #[error("{engine} did not speak «{text}»: {error}")]
    Failed {
        /// The program.
        engine: &'static str,
        /// What it should have said.
        text: String,
        /// What happened.
        error: String,
    },
}

/// The voice of a locale.
pub const fn voice(locale: Locale) -> Voice {
    match locale {
        Locale::Ru => RUSSIAN,
        Locale::Kk => KAZAKH,
    }
}

impl Voice {
    /// The version of the program; `unknown` where no Debian package tells it.
    pub fn version(&self) -> String {
        let asked = Command::new("dpkg-query")
            .args(["-W", "-f", "${Version}", self.package])
            .output();
        let told = asked.ok().filter(|output| output.status.success());
        let version = told.and_then(|output| String::from_utf8(output.stdout).ok());
        version.map_or_else(|| "unknown".to_owned(), |version| version.trim().to_owned())
    }

    /// Reads a text aloud; `folder` takes a file for a moment.
    pub fn speak(&self, spoken: &str, folder: &Path) -> Result<Sound, SynthesisError> {
        let file = folder.join("synthesis.tmp");
        let failed = |error: String| SynthesisError::Failed {
            engine: self.engine,
            text: spoken.to_owned(),
            error,
        };
        let mut command = Command::new(self.program);
        match self.program {
            "RHVoice-test" => command.args(["-p", self.name, "-o"]).arg(&file),
            _ => command
                .args(["-v", self.name, "-s", "165", "--stdin", "-w"])
                .arg(&file),
        };
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().map_err(|error| SynthesisError::Missing {
            voice: self.name,
            engine: self.engine,
            error,
            install: self.install,
        })?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read has its say below.
            let _ = stdin.write_all(self.written(spoken).as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        let bytes = fs::read(&file).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            failed(format!("{error}; {} {}", output.status, said.trim()))
        })?;
        // It is ours, and nobody needs it any more.
        let _ = fs::remove_file(&file);
        wav::read_any(&bytes).map_err(|error| failed(error.to_string()))
    }

    /// The text as the program wants it: `RHVoice` takes a `+` before the stressed vowel.
    fn written(&self, spoken: &str) -> String {
        let mut text = String::with_capacity(spoken.len() + 1);
        for c in spoken.chars() {
            match (c, self.program) {
                (STRESS, "RHVoice-test") => {
                    let vowel = text.pop();
                    text.push('+');
                    text.extend(vowel);
                }
                (STRESS, _) => {}
                (c, _) => text.push(c),
            }
        }
        text + "\n"
    }
}
