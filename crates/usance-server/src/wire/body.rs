//! Bodies on their way in and out.
//!
//! What comes in has to be there within its time, however small its pieces, and is there before anybody is asked. A short one is
//! read for everybody; a longer one only for whoever has something long to say (operators and services: agreements, products),
//! and of those so many bytes at a time in all. Whoever sends more is answered on its head alone: [`Unread`] says why, to whoever
//! reads such a body. What goes out says when it was handed on, so that the connection knows that it waits for the next request.

use crate::wire::pace::Pace;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The longest body that is read, but for pictures of a network.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest picture of a network that is read: thousands of delegations.
const PICTURE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest body that is read for whoever connects: longer than any form, and than anything a customer asks.
const ANYBODYS_BYTES_MAX: usize = 8 * 1024;
/// So many bytes of longer ones may be on their way at a time.
const COMING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest body that a path takes from whoever has something long to say.
#[must_use]
pub fn longest(path: &str) -> usize {
    let is_picture = path.starts_with("/v1/operator/treasury/") && path.ends_with("/pictures");
    let is_transaction = path.starts_with("/v1/treasury/") && path.ends_with("/prepared");
    if is_picture || is_transaction { PICTURE_BYTES_MAX } else { BODY_BYTES_MAX }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It did not come in time.
    #[error("the body did not come in time")]
    Late,
    /// It is longer than any that is read, or than any that is read for its sender.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// Too many long ones are on their way.
    #[error("too many bodies are coming")]
    Crowded,
}

impl Unread {
    /// Why a body was not read, if that is what an error is about.
    #[must_use]
    pub fn behind(error: &(dyn std::error::Error + 'static)) -> Option<Unread> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(unread) = error.downcast_ref() {
                return Some(*unread);
            }
            cause = error.source();
        }
        None
    }
}

/// A body that could not be read; whoever reads it is told why.
struct Torn(Option<axum::Error>);

impl http_body::Body for Torn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

/// The bodies that are coming.
pub(super) struct Coming {
    patience: Duration,
    left: Semaphore,
}

impl Coming {
    pub const fn new(patience: Duration) -> Self {
        Coming { patience, left: Semaphore::const_new(COMING_BYTES_MAX) }
    }

    /// The body of a request once it is there, as whoever is asked will read it: nothing in the service waits for a slow sender.
    /// One that is too long is not waited for.
    pub async fn arrived(&self, body: Incoming, pace: &Pace, longest_read: impl FnOnce() -> Option<usize>) -> Body {
        if http_body::Body::is_end_stream(&body) {
            return Body::empty();
        }
        let unread = match tokio::time::timeout(self.patience, self.whole(body, longest_read)).await {
            Ok(Ok(bytes)) => {
                pace.arrived(&bytes);
                return Body::from(bytes);
            }
            Ok(Err(error)) => error,
            Err(_) => axum::Error::new(Unread::Late),
        };
        pace.cut_short();
        Body::new(Torn(Some(unread)))
    }

    /// Reads a body to its end, or until it is clear that it is too long.
    async fn whole(&self, mut body: Incoming, longest_read: impl FnOnce() -> Option<usize>) -> Result<Vec<u8>, axum::Error> {
        let announced = http_body::Body::size_hint(&body);
        let fits = |bytes: u64, max: usize| usize::try_from(bytes).is_ok_and(|bytes| bytes <= max);
        let is_short = announced.upper().is_some_and(|upper| fits(upper, ANYBODYS_BYTES_MAX));
        let max = if is_short { None } else { longest_read() }.unwrap_or(ANYBODYS_BYTES_MAX);
        if !fits(announced.lower(), max) {
            return Err(axum::Error::new(Unread::TooLong(max)));
        }
        let (mut bytes, mut held) = (Vec::with_capacity(usize::try_from(announced.lower()).unwrap_or(0)), None);
        while let Some(frame) = poll_fn(|context| http_body::Body::poll_frame(Pin::new(&mut body), context)).await {
            let Ok(piece) = frame.map_err(axum::Error::new)?.into_data() else { continue };
            if bytes.len() + piece.len() > max {
                return Err(axum::Error::new(Unread::TooLong(max)));
            }
            if bytes.len() + piece.len() > ANYBODYS_BYTES_MAX {
                self.hold(&mut held, piece.len()).map_err(axum::Error::new)?;
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Counts more bytes of a long body among those on their way.
    fn hold<'a>(&'a self, held: &mut Option<SemaphorePermit<'a>>, more: usize) -> Result<(), Unread> {
        let more = u32::try_from(more).ok().and_then(|more| self.left.try_acquire_many(more).ok()).ok_or(Unread::Crowded)?;
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

/// A body that says when it is out.
pub(super) struct Answer {
    body: Body,
    pace: Arc<Pace>,
}

impl Answer {
    pub fn new(body: Body, pace: Arc<Pace>) -> Self {
        Answer { body, pace }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pace.answered();
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
