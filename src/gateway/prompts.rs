//! `ListPrompts` and `FetchPrompt`: what a gateway needs to play clips from its own store.

use std::io::{self, ErrorKind};
use std::pin::Pin;

use futures_util::stream::{self, Stream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tonic::Status;
use tracing::warn;

use crate::audio::codec;
use crate::audio::library::Audio;
use crate::audio::wav;
use crate::bundle::Bundle;
use crate::call::Locale;
use crate::gateway::wire::pb;
use crate::gateway::wire::pb::fetch_prompt_request::Codec;
use crate::prompt::catalog::Clip;

/// Largest page of `ListPrompts`.
const MAX_PAGE: usize = 500;
/// Bytes of audio a message: a second of L16, a quarter of the largest message.
const CHUNK: usize = 16 * 1024;
/// Clips that are read at once, each by a thread: beside calls.
const MAX_READS: usize = 4;
static READS: Semaphore = Semaphore::const_new(MAX_READS);

/// A page of the clips.
pub(super) fn list(
    bundle: &Bundle,
    request: &pb::ListPromptsRequest,
) -> Result<pb::ListPromptsResponse, Status> {
    // A token names a page of one bundle: after another is published the list begins anew.
    let first = match request.page_token.split_once('/') {
        None if request.page_token.is_empty() => 0,
        Some((hash, at)) if *hash == *bundle.hash => at.parse().unwrap_or(usize::MAX),
        _ => {
            return Err(Status::invalid_argument(
                "page_token is of no page of this bundle",
            ));
        }
    };
    let size = match usize::try_from(request.page_size) {
        Ok(size @ 1..=MAX_PAGE) => size,
        _ => MAX_PAGE,
    };
    let clips = |&locale: &Locale| bundle.catalog.clips(locale).map(move |clip| (locale, clip));
    let mut rest = Locale::ALL.iter().flat_map(clips).skip(first);
    let prompts: Vec<_> = (rest.by_ref().take(size))
        .map(|(locale, clip)| prompt(locale, clip))
        .collect();
    let next_page_token = match rest.next() {
        Some(_) => format!("{}/{}", bundle.hash, first.saturating_add(prompts.len())),
        None => String::new(),
    };
    Ok(pb::ListPromptsResponse {
        prompts,
        next_page_token,
    })
}

fn prompt(locale: Locale, clip: &Clip) -> pb::Prompt {
    let recorded = clip.recorded.as_ref();
    pb::Prompt {
        id: clip.id.to_string(),
        locale: locale.to_string(),
        text: clip.text.to_string(),
        duration_ms: clip.duration_ms(),
        sha256: recorded.map_or_else(String::new, |recorded| recorded.sha256.to_string()),
        format: recorded.map_or_else(String::new, |_| "L16/8000".to_owned()),
    }
}

/// The audio of one clip, from where the gateway left off.
pub(super) async fn fetch(
    bundle: &Bundle,
    request: &pb::FetchPromptRequest,
) -> Result<Chunks, Status> {
    let locale = request.locale.parse::<Locale>();
    let locale = locale.map_err(|_| Status::not_found("locale is ru or kk"))?;
    if bundle.catalog.clip(locale, &request.id).is_none() {
        return Err(Status::not_found("there is no such prompt"));
    }
    let Some(audio) = bundle.audio.get(locale, &request.id) else {
        return Err(Status::not_found(
            "this prompt has no audio yet: play its text by synthesis",
        ));
    };
    let sha256 = audio.entry.sha256.as_ref();
    if !request.sha256.is_empty() && request.sha256 != sha256 {
        return Err(Status::failed_precondition(
            "this prompt has other audio now: list the prompts again",
        ));
    }
    let codec = match Codec::try_from(request.codec) {
        Ok(Codec::Unspecified | Codec::L16) => Codec::L16,
        Ok(Codec::Pcma) => Codec::Pcma,
        Err(_) => return Err(Status::invalid_argument("codec is L16 or PCMA")),
    };
    let rest = Rest {
        audio: audio.clone(),
        locale,
        codec,
        at: usize::try_from(request.offset).unwrap_or(usize::MAX),
        sha256: sha256.to_owned(),
        finished: false,
    };
    let (first, rest) = rest.next().await?;
    let chunks = stream::try_unfold((Some(first), rest), |(first, rest)| async {
        if let Some(first) = first {
            return Ok(Some((first, (None, rest))));
        }
        if rest.finished {
            return Ok(None);
        }
        let (next, rest) = rest.next().await?;
        Ok(Some((next, (None, rest))))
    });
    Ok(Box::pin(chunks))
}

/// The messages of a fetch: each is read from the disk when it is sent.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<pb::AudioChunk, Status>> + Send>>;

/// What is still to be sent of a clip.
struct Rest {
    audio: Audio,
    locale: Locale,
    codec: Codec,
    at: usize,
    /// Until it was told.
    sha256: String,
    finished: bool,
}

impl Rest {
    /// Bytes of a sample.
    const fn width(&self) -> usize {
        match self.codec {
            Codec::Pcma => 1,
            Codec::Unspecified | Codec::L16 => 2,
        }
    }

    /// Bytes of the clip in its codec; a range may begin inside a sample.
    fn bytes(&self, clip: &[u8], from: usize, to: usize) -> Vec<u8> {
        let width = self.width();
        let stored = from / width * 2..to.div_ceil(width) * 2;
        let samples = wav::samples(clip.get(stored).unwrap_or_default());
        let mut bytes = match self.codec {
            Codec::Pcma => codec::pcma(&samples),
            Codec::Unspecified | Codec::L16 => codec::l16(&samples),
        };
        bytes.truncate(to - from / width * width);
        bytes.split_off(from % width)
    }

    /// The next chunk. All of the clip is read and compared for each: two chunks of one clip are never
    /// of two files.
    async fn next(mut self) -> Result<(pb::AudioChunk, Self), Status> {
        let _read = READS.acquire().await;
        let read = spawn_blocking(move || (self.chunk(), self)).await;
        let (chunk, rest) = read.map_err(|_| Status::unavailable("a clip was not read"))?;
        Ok((chunk?, rest))
    }

    /// The first chunk comes even when nothing is left: it tells hash and size.
    fn chunk(&mut self) -> Result<pb::AudioChunk, Status> {
        let clip = self.audio.bytes().map_err(|error| self.unread(&error))?;
        let total = clip.len() / 2 * self.width();
        let from = self.at;
        if from > total {
            let why = format!("this prompt has {total} bytes in this codec");
            return Err(Status::out_of_range(why));
        }
        self.at = from.saturating_add(CHUNK).min(total);
        self.finished = self.at == total;
        let sha256 = std::mem::take(&mut self.sha256);
        let total_bytes = if sha256.is_empty() { 0 } else { total };
        Ok(pb::AudioChunk {
            data: self.bytes(&clip, from, self.at),
            sha256,
            total_bytes: u32::try_from(total_bytes).unwrap_or(u32::MAX),
        })
    }

    fn unread(&self, error: &io::Error) -> Status {
        let (id, locale) = (&self.audio.entry.id, self.locale);
        warn!(%id, %locale, %error, "a clip that was good when its bundle was loaded cannot be read");
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) {
            Status::not_found(
                "this prompt's audio is not there any more: play its text by synthesis",
            )
        } else {
            Status::unavailable("this prompt's audio cannot be read now")
        }
    }
}
