//! A recorded answer under the limits that the question has now: what of it would still have come,
//! and what can no longer be known.

use std::collections::VecDeque;

use crate::call::Said;
use crate::dialog::action::Listen;
use crate::dialog::event::{Event, ListenCause, PlaybackCause};
use crate::replay::testimony::{Act, Stretch, always_acts};
use crate::replay::unknown::Why;

/// What the caller does at the question as it is asked now.
pub(super) fn adapted(stretch: &Stretch, was: &Listen, now: &Listen) -> Result<VecDeque<Act>, Why> {
    if was.locale != now.locale {
        return Err(Why::OtherLanguage);
    }
    if stretch.silence {
        let longer = now.no_input_ms > was.no_input_ms;
        return if longer {
            Err(Why::SilentForLess)
        } else {
            // What else happened belongs to a silence of that length.
            Ok(VecDeque::new())
        };
    }
    if !stretch.acts.iter().any(|act| is_end(&act.event)) {
        return Err(Why::NoAnswer);
    }
    let mut acts: VecDeque<Act> = stretch.acts.iter().cloned().collect();
    let end = acts
        .iter()
        .position(|act| matches!(act.event, Event::ListenFinished { .. }));
    let Some(end) = end else { return Ok(acts) };
    let Event::ListenFinished { cause, .. } = acts[end].event else {
        return Ok(acts);
    };
    match cause {
        ListenCause::Digits => keyed(&mut acts, end, was, now)?,
        ListenCause::MaxSpeech if now.max_speech_ms > was.max_speech_ms => {
            return Err(Why::CutShort);
        }
        ListenCause::Speech | ListenCause::NoMatch | ListenCause::MaxSpeech => {
            cut_off(&mut acts, end, was, now)?;
        }
        ListenCause::NoInput
        | ListenCause::Stopped
        | ListenCause::CallEnded
        | ListenCause::Failed => {}
    }
    Ok(acts)
}

/// Whether a question is over by it.
fn is_end(event: &Event) -> bool {
    if let Event::DtmfReceived { digit, .. } = event {
        always_acts(*digit)
    } else if let Event::PlaybackFinished { cause, .. } = event {
        *cause == PlaybackCause::Failed
    } else {
        matches!(
            event,
            Event::ListenFinished { .. } | Event::CallEnded { .. } | Event::ActionFailed { .. }
        )
    }
}

/// Speech that lasts longer than it now may is cut off.
fn cut_off(acts: &mut VecDeque<Act>, end: usize, was: &Listen, now: &Listen) -> Result<(), Why> {
    if now.max_speech_ms >= was.max_speech_ms {
        return Ok(());
    }
    let spoke = acts.iter().find(|act| act.event == Event::SpeechStarted);
    let began = spoke.ok_or(Why::CutShort)?.after_ms;
    let latest = began.saturating_add(now.max_speech_ms);
    if let Some(last) = acts.get_mut(end).filter(|last| last.after_ms > latest) {
        last.after_ms = latest;
        if let Event::ListenFinished {
            cause,
            digits,
            alternatives,
            locale,
            ..
        } = &mut last.event
        {
            *cause = ListenCause::MaxSpeech;
            *digits = Said::new("");
            alternatives.clear();
            *locale = None;
        }
    }
    Ok(())
}

/// Keys that were pressed one after the other: the same ones, if none of the pauses is now too long
/// and the last one was not waited out for less time.
fn keyed(acts: &mut VecDeque<Act>, end: usize, was: &Listen, now: &Listen) -> Result<(), Why> {
    let collects = |listen: &Listen| (listen.max_digits, listen.terminator, listen.type_ahead);
    if collects(was) != collects(now) {
        return Err(Why::OtherKeys);
    }
    if was.inter_digit_ms == now.inter_digit_ms {
        return Ok(());
    }
    let pressed = acts
        .iter()
        .take(end)
        .filter_map(|act| matches!(act.event, Event::DtmfReceived { .. }).then_some(act.after_ms));
    let pressed: Vec<u32> = pressed.collect();
    let last = *pressed.last().ok_or(Why::OtherKeys)?;
    let hasty = pressed
        .windows(2)
        .any(|pair| pair[1].saturating_sub(pair[0]) >= now.inter_digit_ms);
    let waited = acts[end].after_ms.saturating_sub(last);
    let waited_out = waited >= was.inter_digit_ms;
    if hasty || (waited_out && now.inter_digit_ms > was.inter_digit_ms) {
        return Err(Why::OtherKeys);
    }
    if waited_out {
        acts[end].after_ms = last.saturating_add(now.inter_digit_ms);
    }
    Ok(())
}
