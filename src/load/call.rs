//! One call of a load, as a gateway makes it: every `Play` ends, every `Listen` is answered, every
//! event waits for its turn, and a lost stream is resumed. Checks what it is told to do.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tokio::time::{Instant, Sleep};

use crate::call::CallId;
use crate::clock;
use crate::dialog::event::Event;
use crate::gateway::wire::gateway as wire;
use crate::gateway::wire::pb::call_action::Action as Do;
use crate::gateway::wire::pb::{CallEvent, CallTurn};
use crate::load::caller::Caller;
use crate::load::line::Stream;
use crate::load::situation::Situation;
use crate::load::worker::Worker;
use crate::load::{Failure, PATIENCE};

/// A sign of life in the silence, and how often somebody looks for one.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(5);
/// How long a lost service is dialled again.
const REDIAL: Duration = Duration::from_secs(10);
const REDIAL_EVERY: Duration = Duration::from_millis(200);

/// One call.
pub(super) struct Call {
    worker: Arc<Worker>,
    id: CallId,
    situation: Arc<Situation>,
    caller: Caller,
    began: Instant,
    seq: u64,
    turn_seq: u64,
    token: Bytes,
    /// When the caller's next event is to be sent, once the last one was answered.
    due: Option<Instant>,
    /// What was sent, and when it was due: not answered yet.
    asked: Option<(CallEvent, Instant)>,
    /// When the last message was sent.
    sent: Instant,
    ended: bool,
}

enum Next {
    Turn(Bytes),
    Over,
    Due,
    Look,
}

impl Call {
    /// Plays the whole call, which was due to begin at `at`.
    pub(super) async fn play(
        worker: Arc<Worker>,
        id: CallId,
        situation: Arc<Situation>,
        at: Instant,
    ) -> Result<(), Failure> {
        let from = situation.from.clone();
        let offer = wire::pb_offer(&id, from.as_ref(), situation.locale, clock::now());
        let mut call = Self {
            worker,
            id,
            caller: Caller::new(Arc::clone(&situation)),
            situation,
            began: at,
            seq: 1,
            turn_seq: 0,
            token: Bytes::new(),
            due: None,
            asked: None,
            sent: at,
            ended: false,
        };
        let mut stream = call.worker.stream().await?;
        call.ask(&mut stream, offer, at)?;
        loop {
            match call.talk(&mut stream).await {
                Ok(()) => return call.verdict(),
                Err(failure) if failure.is_lost() && !call.token.is_empty() => {
                    call.worker.resumes();
                    stream = call.resume().await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Until the stream ends, well or not.
    async fn talk(&mut self, stream: &mut Stream) -> Result<(), Failure> {
        let mut look = std::pin::pin!(tokio::time::sleep(LOOK));
        loop {
            match self.next(stream, look.as_mut()).await? {
                Next::Turn(turn) => self.take(&turn)?,
                Next::Over if self.ended => return Ok(()),
                Next::Over => return Err(Failure::Lost),
                Next::Due => self.send_next(stream)?,
                Next::Look => {
                    look.as_mut().reset(Instant::now() + LOOK);
                    if self.asked.is_some() && self.sent.elapsed() > PATIENCE {
                        return Err(Failure::NoAnswer);
                    }
                    if self.sent.elapsed() + LOOK > KEEP_ALIVE && !self.ended {
                        stream.send(&wire::pb_keep_alive(self.offset_ms()))?;
                        self.sent = Instant::now();
                    }
                }
            }
        }
    }

    async fn next(
        &mut self,
        stream: &mut Stream,
        mut look: std::pin::Pin<&mut Sleep>,
    ) -> Result<Next, Failure> {
        let mut set = false;
        poll_fn(|cx| {
            if let Poll::Ready(turn) = stream.poll(cx) {
                return Poll::Ready(Ok(turn?.map_or(Next::Over, Next::Turn)));
            }
            self.hurry();
            if let Some(due) = self.due.filter(|_| self.asked.is_none()) {
                if due <= Instant::now() {
                    return Poll::Ready(Ok(Next::Due));
                }
                if !set {
                    set = true;
                    self.worker.pace.wake_at(due, cx.waker());
                }
            }
            look.as_mut().poll(cx).map(|()| Ok(Next::Look))
        })
        .await
    }

    /// When the load is over its callers hang up.
    fn hurry(&mut self) {
        if self.worker.is_over() && !self.ended {
            self.caller.leave();
            self.due = Some(Instant::now());
        }
    }

    fn offset_ms(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    fn send_next(&mut self, stream: &mut Stream) -> Result<(), Failure> {
        let (Some(event), Some(due)) = (self.caller.next_event(), self.due.take()) else {
            return Ok(());
        };
        self.pace(due);
        // Without a pace there is no moment that it is late for.
        let paced = !self.worker.plan.think.is_zero();
        let at = Some(due).filter(|_| paced).unwrap_or_else(Instant::now);
        self.seq += 1;
        let message = wire::pb_event(self.seq, self.offset_ms(), &event);
        let message = message.ok_or(Failure::Unreadable)?;
        self.ask(stream, message, at)?;
        if matches!(event, Event::CallEnded { .. }) {
            self.ended = true;
            stream.half_close();
        }
        Ok(())
    }

    fn ask(&mut self, stream: &mut Stream, message: CallEvent, at: Instant) -> Result<(), Failure> {
        self.sent = Instant::now();
        let sent = stream.send(&message);
        self.asked = Some((message, at));
        sent
    }

    /// The newest token, then the event that it does not hold.
    async fn resume(&mut self) -> Result<Stream, Failure> {
        let give_up = Instant::now() + REDIAL;
        loop {
            let opened = self.worker.stream().await;
            match opened {
                Ok(mut stream) => {
                    let token = self.token.to_vec();
                    let offset_ms = self.offset_ms();
                    let resume = wire::pb_resume(&self.id, token, self.seq, offset_ms);
                    stream.send(&resume)?;
                    if let Some((message, _)) = &self.asked {
                        stream.send(message)?;
                    }
                    self.sent = Instant::now();
                    return Ok(stream);
                }
                Err(failure) if Instant::now() > give_up => return Err(failure),
                Err(_) => tokio::time::sleep(REDIAL_EVERY).await,
            }
        }
    }

    /// Does what a turn says.
    fn take(&mut self, turn: &Bytes) -> Result<(), Failure> {
        let turn = CallTurn::decode(turn.clone()).map_err(|_| Failure::Unreadable)?;
        let now = Instant::now();
        if turn.seq <= self.turn_seq || turn.acked_event_seq > self.seq {
            return Err(Failure::OutOfOrder);
        }
        self.turn_seq = turn.seq;
        if turn.acked_event_seq == self.seq
            && let Some((_, at)) = self.asked.take()
        {
            self.worker.answered(now.saturating_duration_since(at));
        }
        if !turn.resume_token.is_empty() {
            self.token = turn.resume_token.into();
        }
        for action in turn.actions {
            self.act(action.action)?;
        }
        self.pace(now);
        Ok(())
    }

    fn act(&mut self, action: Option<Do>) -> Result<(), Failure> {
        let caller = &mut self.caller;
        match action {
            Some(Do::Answer(_)) => caller.answer(),
            Some(Do::Play(play)) => caller.play(play.playback_id),
            Some(Do::StopPlayback(_)) => caller.stop_playback(),
            Some(Do::Listen(listen)) => {
                let question = listen.question.parse();
                let question = question.map_err(|_| Failure::Unreadable)?;
                caller.listen(listen.listen_id, question);
            }
            Some(Do::StopListening(_)) => caller.stop_listening(),
            Some(Do::Transfer(transfer)) => {
                let queue = wire::queue(transfer.queue()).ok_or(Failure::Unreadable)?;
                caller.transfer(transfer.transfer_id, queue);
            }
            Some(Do::HangUp(hang_up)) => caller.hang_up(hang_up.disposition.parse().ok()),
            Some(Do::Reject(_)) | None => return Err(Failure::Unreadable),
        }
        Ok(())
    }

    /// Gives the next event its moment, so long after what leads to it, if it has none yet.
    fn pace(&mut self, after: Instant) {
        if self.due.is_none() && self.caller.has_next() {
            self.due = Some(after + self.worker.think());
        }
    }

    /// Whether the call ended as it has to.
    fn verdict(&self) -> Result<(), Failure> {
        let otherwise = |(expected, outcome)| Failure::Otherwise {
            situation: self.situation.name.clone(),
            expected,
            outcome,
        };
        self.caller.verdict().map_err(otherwise)
    }
}
