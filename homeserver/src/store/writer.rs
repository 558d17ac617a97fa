//! The one writer: a task with its own connection that groups waiting writes into one transaction.

use std::{
    collections::{BTreeSet, HashMap},
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use ruma::OwnedUserId;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use crate::clock::Clock;

use super::{Db, Position, ServerSn, StoreError, TypeSn, UserSn};

/// How long the writer keeps adding waiting jobs to a transaction.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// Jobs that may wait before writers are held back.
const QUEUE: usize = 1024;

/// What a commit must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// A crash of the program. The last commits may be lost when the machine loses power; the database stays whole.
    Normal,
    /// Loss of power too: for whatever the outside world has seen or will be told.
    Full,
}

/// What a commit changed: who has something new.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    pub position: Position,
    /// Local users whose sync has something new.
    pub users: BTreeSet<UserSn>,
    /// Servers with something in the outbox.
    pub destinations: BTreeSet<ServerSn>,
    /// Rooms with staged events to work on.
    pub staged_rooms: BTreeSet<String>,
    /// Local users with something for their pushers.
    pub pushers: BTreeSet<UserSn>,
    /// Whether an application service is owed something.
    pub appservices: bool,
    /// Whether something was said that is to be indexed.
    pub texts: bool,
}

/// Numbers that were looked up before; rows of these tables stay for ever, but for those of a transaction that is taken back.
#[derive(Default)]
pub(super) struct Known {
    pub(super) users: HashMap<OwnedUserId, UserSn>,
    pub(super) types: HashMap<String, TypeSn>,
}

impl Known {
    /// Entries of one kind before all are forgotten.
    const MOST: usize = 4096;

    pub(super) fn put<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
        if map.len() >= Self::MOST {
            map.clear();
        }
        map.insert(key, value);
    }
}

/// A transaction being written. Reads through it see what it wrote.
pub struct Tx {
    pub(super) db: Db,
    pub(super) known: Known,
    clock: Clock,
    position: Position,
    effects: Committed,
}

impl Deref for Tx {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

impl Tx {
    /// Takes the next position of the server's stream.
    pub fn next_position(&mut self) -> Position {
        self.position.0 += 1;
        self.position
    }

    /// The newest position that was taken.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Leaves positions free and takes the one after them.
    pub(super) fn skip_positions(&mut self, count: i64) -> Position {
        self.position.0 += count;
        self.next_position()
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// After the commit, this local user's waiting syncs look again.
    pub fn wake_user(&mut self, user: UserSn) {
        self.effects.users.insert(user);
    }

    /// After the commit, the federation sender looks at this server's outbox.
    pub fn wake_destination(&mut self, server: ServerSn) {
        self.effects.destinations.insert(server);
    }

    /// After the commit, the room's worker looks at its staged events.
    pub fn wake_staging(&mut self, room_id: &str) {
        self.effects.staged_rooms.insert(room_id.to_owned());
    }

    /// After the commit, this user's pushers are told.
    pub fn wake_pushers(&mut self, user: UserSn) {
        self.effects.pushers.insert(user);
    }

    /// After the commit, application services are sent what they are owed.
    pub fn wake_appservices(&mut self) {
        self.effects.appservices = true;
    }

    /// After the commit, what was said is indexed.
    pub fn wake_indexing(&mut self) {
        self.effects.texts = true;
    }
}

/// A job and the way its result goes back.
trait Job: Send {
    fn durability(&self) -> Durability;
    /// Runs it; `None` when it failed (its caller is told by itself).
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, Option<Answer>>;
}

/// Tells the caller how the commit went.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Waiting<F, T, E> {
    durability: Durability,
    job: F,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Waiting<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, Option<Answer>> {
        Box::pin(async move {
            let Self { job, answer, .. } = *self;
            match job(tx).await {
                Ok(value) => Some(Box::new(move |commit: Result<(), StoreError>| {
                    // A caller that went away does not take back what was committed.
                    answer.send(commit.map(|()| value).map_err(E::from)).ok();
                }) as Answer),
                Err(error) => {
                    answer.send(Err(error)).ok();
                    None
                }
            }
        })
    }
}

pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        db: Db,
        position: Position,
        clock: Clock,
        on_commit: impl Fn(&Committed) + Send + Sync + 'static,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let tx = Tx { db, known: Known::default(), clock, position, effects: Committed::default() };
        let task = tokio::spawn(work(tx, queue, on_commit));
        Self { jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    pub(super) async fn run<T, E, F>(&self, durability: Durability, job: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        jobs.send(Box::new(Waiting { durability, job, answer })).await.map_err(|_| StoreError::Closed)?;
        drop(jobs);
        result.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.ok();
        }
    }
}

async fn work(
    mut tx: Tx,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    on_commit: impl Fn(&Committed) + Send + Sync + 'static,
) {
    let mut durability = Durability::Normal;
    let mut next: Option<Box<dyn Job>> = None;
    loop {
        let first = match next.take() {
            Some(job) => job,
            None => match queue.recv().await {
                Some(job) => job,
                None => break,
            },
        };
        // SQLite refuses to change the level inside a transaction, so a group has the level of its first job or stricter:
        // a stricter one that comes later opens the next group.
        let wanted = first.durability();
        if wanted != durability {
            if let Err(error) = set_durability(&mut tx, wanted).await {
                tracing::error!(%error, "The database refused to change its durability.");
            } else {
                durability = wanted;
            }
        }
        let before = tx.position;
        tx.effects = Committed::default();
        let mut answers = Vec::new();
        match run_group(&mut tx, first, &mut queue, wanted, &mut next, &mut answers).await {
            Ok(()) => {
                let mut effects = std::mem::take(&mut tx.effects);
                effects.position = tx.position;
                on_commit(&effects);
                answers.into_iter().for_each(|answer| answer(Ok(())));
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "A transaction could not be written.");
                sqlx::query("ROLLBACK").execute(&mut tx.db.0).await.ok();
                tx.known = Known::default();
                tx.position = before;
                answers.into_iter().for_each(|answer| answer(Err(error.clone())));
            }
        }
    }
    sqlx::query("PRAGMA optimize").execute(&mut tx.db.0).await.ok();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut tx.db.0).await.ok();
}

/// One transaction: `first`, then whatever waits, for at most [`GROUP_TIME`].
async fn run_group(
    tx: &mut Tx,
    first: Box<dyn Job>,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    durability: Durability,
    next: &mut Option<Box<dyn Job>>,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut tx.db.0).await?;
    let before = tx.position;
    let started = Instant::now();
    // The first job needs no point to come back to: it is the whole transaction so far.
    if !run_one(tx, first, answers).await? {
        sqlx::query("ROLLBACK").execute(&mut tx.db.0).await?;
        return Ok(());
    }
    loop {
        if started.elapsed() >= GROUP_TIME {
            break;
        }
        match queue.try_recv() {
            Ok(waiting) if waiting.durability() <= durability => {
                sqlx::query("SAVEPOINT job").execute(&mut tx.db.0).await?;
                if !run_one(tx, waiting, answers).await? {
                    sqlx::query("ROLLBACK TO job").execute(&mut tx.db.0).await?;
                }
                sqlx::query("RELEASE job").execute(&mut tx.db.0).await?;
            }
            Ok(waiting) => {
                *next = Some(waiting);
                break;
            }
            Err(_) => break,
        }
    }
    if tx.position != before {
        let position = tx.position;
        tx.save_position(position).await?;
    }
    sqlx::query("COMMIT").execute(&mut tx.db.0).await?;
    Ok(())
}

/// Runs a job; false when it failed and what it wrote is to be taken back.
async fn run_one(tx: &mut Tx, job: Box<dyn Job>, answers: &mut Vec<Answer>) -> Result<bool, StoreError> {
    let (position, effects) = (tx.position, tx.effects.clone());
    let Some(answer) = job.run(tx).await else {
        tx.position = position;
        tx.effects = effects;
        tx.known = Known::default();
        return Ok(false);
    };
    answers.push(answer);
    Ok(true)
}

async fn set_durability(tx: &mut Tx, durability: Durability) -> Result<(), StoreError> {
    let pragma = match durability {
        Durability::Normal => "PRAGMA synchronous = NORMAL",
        Durability::Full => "PRAGMA synchronous = FULL",
    };
    sqlx::query(pragma).execute(&mut tx.db.0).await?;
    Ok(())
}
