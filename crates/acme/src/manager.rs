//! The task that keeps a certificate in the folder.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use crate::account;
use crate::certificate::Current;
use crate::config::{AcmeConfig, Checked};
use crate::error::AcmeError;
use crate::folder::Folder;
use crate::order;
use crate::pace::{Pace, luck, within};
use crate::transport::Transport;

/// Events kept for somebody who reads slowly; an order makes two.
const EVENTS: usize = 64;

/// What the manager did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcmeEvent {
    /// An order is placed.
    Ordering {
        /// The names, in lower case.
        names: Vec<String>,
    },
    /// A certificate came and is in the folder.
    Issued {
        /// The names, in lower case.
        names: Vec<String>,
        /// Until when it is good.
        not_after: SystemTime,
        /// When it is replaced, unless the CA wishes otherwise.
        renew_at: SystemTime,
    },
    /// No certificate came; the one in the folder stays.
    Failed {
        /// Why, and after an empty line what to do.
        text: String,
        /// How long until the next try.
        retry_in: Duration,
    },
}

/// Keeps a certificate in a folder for as long as it lives.
///
/// Dropping it ends its task: at a wait, never within the replacing of the files.
#[derive(Debug)]
pub struct Manager {
    task: JoinHandle<()>,
    events: Sender<AcmeEvent>,
    // What happens before somebody asks for the events is told too.
    first: Mutex<Option<Receiver<AcmeEvent>>>,
}

impl Manager {
    /// Looks at the configuration and the folder, and begins. A usable certificate in the folder,
    /// of this CA and for exactly these names, is left alone until it is due.
    ///
    /// Finishes the replacing of the files that an earlier process was stopped in: to be called
    /// before somebody else reads them. Waits on the disk, for a few small files.
    ///
    /// # Errors
    /// What is wrong with the configuration or the folder. What goes wrong later is an event.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(config: AcmeConfig) -> Result<Self, AcmeError> {
        Self::start_at(config, Pace::PRODUCT)
    }

    pub(crate) fn start_at(config: AcmeConfig, pace: Pace) -> Result<Self, AcmeError> {
        let (keeper, first) = Keeper::new(config, pace)?;
        Ok(Self {
            events: keeper.events.clone(),
            task: tokio::spawn(keeper.keep()),
            first: Mutex::new(Some(first)),
        })
    }

    /// What happens: the first caller hears everything since the start, later ones what happens
    /// from now on. Who reads slower than [`EVENTS`] events loses the oldest.
    #[must_use]
    pub fn events(&self) -> Receiver<AcmeEvent> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().unwrap_or_else(|| self.events.subscribe())
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs what waits on the disk where that harms nobody. Once begun it goes on to its end, also
/// when nobody waits for it any more.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AcmeError> + Send + 'static,
) -> Result<T, AcmeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// What the task does, one turn after the other.
pub(crate) struct Keeper {
    pub(crate) wanted: Checked,
    pub(crate) folder: Folder,
    pace: Pace,
    events: Sender<AcmeEvent>,
    asked: Option<Asked>,
}

/// What the CA said about when a certificate is to be replaced (RFC 9773).
struct Asked {
    /// Of which certificate; the last moment of its life stands for it.
    not_after: SystemTime,
    /// When to ask again.
    ask_at: SystemTime,
    wish: Option<Wish>,
}

struct Wish {
    start: SystemTime,
    end: SystemTime,
    /// The moment chosen between the two.
    at: SystemTime,
}

impl Keeper {
    pub(crate) fn new(
        config: AcmeConfig,
        pace: Pace,
    ) -> Result<(Self, Receiver<AcmeEvent>), AcmeError> {
        let path = config.folder.clone();
        let wanted = Checked::new(config)?;
        // A file that cannot be used is told now, not in two months.
        if let Err(error @ AcmeError::Ca { .. }) = Transport::new(wanted.ca.as_deref()) {
            return Err(error);
        }
        let (events, first) = broadcast::channel(EVENTS);
        let keeper = Self {
            wanted,
            folder: Folder::open(&path)?,
            pace,
            events,
            asked: None,
        };
        Ok((keeper, first))
    }

    async fn keep(mut self) {
        let mut failures = 0;
        loop {
            let wait = match self.turn().await {
                Ok(wait) => {
                    failures = 0;
                    wait.min(self.pace.look)
                }
                Err(Failure { error, retry_at }) => {
                    failures += 1;
                    self.failed(&error, failures, retry_at)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Orders if it is time to; otherwise says how long there is time.
    pub(crate) async fn turn(&mut self) -> Result<Duration, Failure> {
        let (folder, wanted) = (self.folder.clone(), self.wanted.clone());
        let current = on_disk(move || Current::read(&folder, &wanted)).await?;
        if let Some(current) = &current {
            let left = left_until(self.due(current).await);
            if !left.is_zero() {
                return Ok(left);
            }
        }
        let fresh = self.order(current.as_ref()).await?;
        // A clock that is wrong would make every certificate due at once, and us a nuisance.
        match left_until(fresh.renewal()) {
            Duration::ZERO => Err(AcmeError::Clock {
                not_before: fresh.not_before,
                not_after: fresh.not_after,
            }
            .into()),
            left => Ok(left),
        }
    }

    pub(crate) async fn order(&mut self, current: Option<&Current>) -> Result<Current, Failure> {
        let names = self.wanted.names_listed();
        tracing::info!(?names, directory = %self.wanted.directory, "a certificate is ordered");
        self.tell(AcmeEvent::Ordering {
            names: names.clone(),
        });
        let fresh = match self.place(current).await {
            // The CA lost it, as test CAs do: the next account is as good.
            Err(failure) if matches!(failure.error, AcmeError::AccountGone { .. }) => {
                let folder = self.folder.clone();
                on_disk(move || folder.forget_account()).await?;
                self.place(current).await?
            }
            other => other?,
        };
        let (not_after, renew_at) = (fresh.not_after, fresh.renewal());
        tracing::info!(?names, "a certificate came");
        self.tell(AcmeEvent::Issued {
            names,
            not_after,
            renew_at,
        });
        Ok(fresh)
    }

    async fn place(&self, current: Option<&Current>) -> Result<Current, Failure> {
        let transport = self.transport().await?;
        let placing = order::place(&self.wanted, &self.folder, &transport, current, &self.pace);
        let placed = tokio::time::timeout(self.pace.order, placing).await;
        let slow = AcmeError::Slow {
            what: "the order",
            after: self.pace.order,
        };
        placed.unwrap_or(Err(slow)).map_err(|error| Failure {
            error,
            retry_at: transport.retry_at(),
        })
    }

    /// The roots are read anew each time: those of the machine change while a server runs.
    async fn transport(&self) -> Result<Transport, AcmeError> {
        let ca = self.wanted.ca.clone();
        on_disk(move || Transport::new(ca.as_deref())).await
    }

    /// When the certificate is to be replaced: when the CA wishes so, else when a third of its
    /// life is left.
    pub(crate) async fn due(&mut self, current: &Current) -> SystemTime {
        let now = SystemTime::now();
        let known = self
            .asked
            .take()
            .filter(|asked| asked.not_after == current.not_after);
        let asked = match known {
            Some(asked) if now < asked.ask_at => asked,
            known => {
                self.ask(current, now, known.and_then(|asked| asked.wish))
                    .await
            }
        };
        let asked = self.asked.insert(asked);
        asked
            .wish
            .as_ref()
            .map_or_else(|| current.renewal(), |wish| bounded(wish.at, current))
    }

    /// No answer is no failure: there is a date without it.
    async fn ask(&self, current: &Current, now: SystemTime, before: Option<Wish>) -> Asked {
        let answer = tokio::time::timeout(ASKING, self.renewal_info(current)).await;
        let (wish, again) = match answer.ok().flatten() {
            Some((start, end, again)) => {
                let same = before.filter(|wish| (wish.start, wish.end) == (start, end));
                let wish = same.unwrap_or_else(|| Wish {
                    start,
                    end,
                    at: within(start, end, luck()),
                });
                (Some(wish), again.clamp(ASK_AGAIN.0, ASK_AGAIN.1))
            }
            None => (before, ASK_IN_VAIN),
        };
        Asked {
            not_after: current.not_after,
            ask_at: now + again,
            wish,
        }
    }

    async fn renewal_info(&self, current: &Current) -> Option<(SystemTime, SystemTime, Duration)> {
        let identifier = current.identifier.as_ref()?;
        let transport = self.transport().await.ok()?;
        let account = account::existing(&self.wanted, &self.folder, &transport).await;
        let (info, again) = account.ok()??.renewal_info(identifier).await.ok()?;
        let window = info.suggested_window;
        let (start, end) = (SystemTime::from(window.start), SystemTime::from(window.end));
        // RFC 9773 4.2: a window that ends before it starts is none.
        (start < end).then_some((start, end, again))
    }

    fn failed(&self, error: &AcmeError, failures: u32, retry_at: Option<SystemTime>) -> Duration {
        let back_off = self.pace.back_off(failures, luck());
        let retry_in = back_off.max(retry_at.map(left_until).unwrap_or_default());
        let text = error.to_string();
        tracing::warn!(error = %text, retry_in = retry_in.as_secs(), "no certificate came");
        self.tell(AcmeEvent::Failed { text, retry_in });
        retry_in
    }

    fn tell(&self, event: AcmeEvent) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }
}

/// Why there is no certificate, and when the CA said to come back.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: AcmeError,
    retry_at: Option<SystemTime>,
}

impl From<AcmeError> for Failure {
    fn from(error: AcmeError) -> Self {
        Self {
            error,
            retry_at: None,
        }
    }
}

fn left_until(moment: SystemTime) -> Duration {
    moment.duration_since(SystemTime::now()).unwrap_or_default()
}

/// The CA's wish within reason: a ninth of the life is left at the latest, and a wish that never
/// ends makes one order a day.
fn bounded(wish: SystemTime, current: &Current) -> SystemTime {
    let life = current.not_after.duration_since(current.not_before);
    let ninth = life.unwrap_or_default() / 9;
    let latest = current.not_after.checked_sub(ninth);
    wish.max(current.not_before + DAY.min(ninth))
        .min(latest.unwrap_or(current.not_after))
}

/// The question about renewal as a whole.
const ASKING: Duration = Duration::from_secs(60);
/// RFC 9773 4.3.2: between a minute and a day.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_secs(60), DAY);
/// Where there was no answer.
const ASK_IN_VAIN: Duration = Duration::from_secs(6 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
