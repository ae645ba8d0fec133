//! Replicas of a service that can be killed, drained and started again, and the wire to them, which
//! can be cut. All in this process, on virtual time.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dana::bundle::Bundle;
use dana::chance::Chance;
use dana::client::target::{Pipe, Target, pipe};
use dana::gateway::{Gateway, Settings};
use dana::journal::recorder::Recorder;
use dana::session::{ClockSource, Shared};
use dana::store::memory::Memory;
use dana::tickets::{Desk, Settings as Tickets};
use dana::token::{MasterKey, TokenKeys};
use tokio::io::{DuplexStream, copy_bidirectional};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_stream::StreamExt;

use super::life::{Life, Mortal};
use super::ticket_system::BackEnds;

/// Bytes on the way: some hundred turns.
const PIPE: usize = 64 * 1024;

/// A running replica.
struct Replica {
    alive: watch::Sender<bool>,
    drain: Option<oneshot::Sender<()>>,
    pipe: Pipe,
}

/// What all replicas share.
pub(super) struct Cluster {
    bundle: Arc<Bundle>,
    back_ends: Arc<BackEnds>,
    store: Arc<Memory>,
    recorder: Recorder,
    replicas: Mutex<Vec<Option<Replica>>>,
    dice: Mutex<Chance>,
    /// One connection in so many is cut some time; 0: none.
    cut_one_in: usize,
}

impl Cluster {
    /// So many replicas, all running, and the way to them.
    pub(super) fn new(
        bundle: Arc<Bundle>,
        back_ends: Arc<BackEnds>,
        count: usize,
        dice: Chance,
        cut_one_in: usize,
    ) -> (Arc<Self>, Target) {
        let cluster = Arc::new(Self {
            bundle,
            back_ends,
            store: Arc::default(),
            recorder: Recorder::in_memory(),
            replicas: Mutex::new((0..count).map(|_| None).collect()),
            dice: Mutex::new(dice),
            cut_one_in,
        });
        for at in 0..count {
            cluster.start(at);
        }
        let (pipe, mut dialled) = pipe();
        let balancer = Arc::clone(&cluster);
        tokio::spawn(async move {
            while let Some(Ok(connection)) = dialled.next().await {
                balancer.connect(connection);
            }
        });
        (cluster, Target::Pipe(pipe))
    }

    /// Everything that was written down, whoever wrote it.
    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// What outlives all replicas.
    pub(super) fn store(&self) -> &Memory {
        &self.store
    }

    fn replicas(&self) -> std::sync::MutexGuard<'_, Vec<Option<Replica>>> {
        self.replicas.lock().expect("nobody panics with it")
    }

    /// Starts a replica that is not running.
    pub(super) fn start(&self, at: usize) {
        let mut replicas = self.replicas();
        let Some(place @ None) = replicas.get_mut(at) else {
            return;
        };
        let (alive, life) = watch::channel(true);
        let life = Life::new(life);
        let desk = Desk::new(
            Mortal::new(Arc::clone(&self.store), life.clone()),
            Mortal::new(Arc::clone(&self.back_ends), life.clone()),
            Tickets::default(),
            Handle::current(),
        );
        let (worker, holder) = (desk.clone(), format!("replica {at} {:?}", Instant::now()));
        tokio::spawn(async move {
            let work = worker.work(holder, std::future::pending());
            life.lived(work).await;
        });
        let shared = Shared {
            network: Arc::new(desk),
            recorder: self.recorder.clone(),
            clock: ClockSource::Gateway,
        };
        let key = MasterKey {
            id: 1,
            secret: [7; 32],
        };
        let keys = TokenKeys::new(vec![key]).expect("a key");
        let gateway = Gateway::new(Settings::default(), Arc::clone(&self.bundle), shared, keys);
        let (pipe, connections) = pipe();
        let (drain, drained) = oneshot::channel();
        tokio::spawn(gateway.serve_on(connections, async move {
            if drained.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        *place = Some(Replica {
            alive,
            drain: Some(drain),
            pipe,
        });
    }

    /// Kills a replica: its connections break, what it had begun stays as it is.
    pub(super) fn kill(&self, at: usize) {
        if let Some(replica) = self.replicas().get_mut(at).and_then(Option::take) {
            let _ = replica.alive.send(false);
        }
    }

    /// Asks a replica to drain; it takes no connection any more.
    pub(super) fn drain(&self, at: usize) {
        if let Some(replica) = self.replicas().get_mut(at).and_then(Option::take) {
            if let Some(drain) = replica.drain {
                let _ = drain.send(());
            }
            // It lives until its calls are handed back.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(6)).await;
                let _ = replica.alive.send(false);
            });
        }
    }

    /// A connection to one of the running replicas; to none, it breaks at once.
    fn connect(&self, mut caller: DuplexStream) {
        let (life, to, cut) = {
            let mut dice = self.dice.lock().expect("nobody panics with it");
            let replicas = self.replicas();
            let running: Vec<&Replica> = replicas.iter().flatten().collect();
            let Some(replica) = dice.one(&running) else {
                return;
            };
            let cut = self.cut_one_in > 0 && dice.roll(self.cut_one_in) == 0;
            let cut = cut.then(|| Duration::from_millis(dice.below(30_000)));
            (
                Life::new(replica.alive.subscribe()),
                replica.pipe.clone(),
                cut,
            )
        };
        tokio::spawn(async move {
            let (mut ours, theirs) = tokio::io::duplex(PIPE);
            if to.send(io::Result::Ok(theirs)).await.is_err() {
                return;
            }
            let mut life = life;
            let cut = async {
                match cut {
                    Some(after) => tokio::time::sleep(after).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = life.end() => {}
                () = cut => {}
                // Either side has gone.
                _ = copy_bidirectional(&mut caller, &mut ours) => {}
            }
        });
    }
}
