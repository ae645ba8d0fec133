//! The sound card, for people who want to hear Dana where they sit. Only in builds with the feature
//! `speaker`: the default build needs no system package.

#[cfg(feature = "speaker")]
use crate::audio::RATE;

/// Plays clips one after the other.
#[cfg(feature = "speaker")]
pub struct Speaker {
    player: rodio::Player,
    /// Sound ends when it is dropped.
    _sink: rodio::MixerDeviceSink,
}

#[cfg(feature = "speaker")]
impl Speaker {
    /// Opens the default sound card, or says why there is none.
    pub fn open() -> Result<Self, String> {
        let sink = rodio::DeviceSinkBuilder::open_default_sink();
        let mut sink = sink.map_err(|error| format!("no sound card can be opened: {error}"))?;
        sink.log_on_drop(false);
        let player = rodio::Player::connect_new(sink.mixer());
        Ok(Self {
            player,
            _sink: sink,
        })
    }

    /// Plays samples of a clip, behind what plays.
    pub fn play(&self, samples: &[i16]) {
        use std::num::NonZero;
        let Some(rate) = NonZero::new(RATE) else {
            return;
        };
        let samples = samples.iter().map(|&sample| f32::from(sample) / 32_768.0);
        let samples: Vec<f32> = samples.collect();
        let one = NonZero::<u16>::MIN;
        self.player
            .append(rodio::buffer::SamplesBuffer::new(one, rate, samples));
    }

    /// Stops what plays and waits.
    pub fn stop(&self) {
        self.player.clear();
        self.player.play();
    }

    /// Until all was played.
    pub fn wait(&self) {
        self.player.sleep_until_end();
    }
}

/// This build cannot play.
#[cfg(not(feature = "speaker"))]
pub enum Speaker {}

#[cfg(not(feature = "speaker"))]
impl Speaker {
    /// Says how to build Dana so that she is heard.
    pub fn open() -> Result<Self, String> {
        Err(
            "this build plays no sound: build it with `cargo build --release --features speaker` \
             (on Debian after `apt-get install libasound2-dev pkg-config`)"
                .to_owned(),
        )
    }

    /// Plays samples of a clip, behind what plays.
    pub const fn play(&self, _samples: &[i16]) {
        match *self {}
    }

    /// Stops what plays and waits.
    pub const fn stop(&self) {
        match *self {}
    }

    /// Until all was played.
    pub const fn wait(&self) {
        match *self {}
    }
}
