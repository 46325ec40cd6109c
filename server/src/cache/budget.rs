//! The time one request may lose to Redis, all its calls together.

use std::{cell::Cell, time::Duration};

/// All Redis calls of one request share it: a frozen Redis costs a request no more than this.
pub const PER_REQUEST: Duration = Duration::from_millis(50);

tokio::task_local! {
    static LEFT: Cell<Duration>;
}

/// Runs one request with a budget of its own.
pub async fn of_request<F: Future>(request: F) -> F::Output {
    LEFT.scope(Cell::new(PER_REQUEST), request).await
}

/// What the next call may take. Work outside of requests has the whole budget for each call; so have
/// the parts of a page, which are read side by side in tasks of their own.
pub fn left() -> Duration {
    LEFT.try_with(Cell::get).unwrap_or(PER_REQUEST)
}

/// Charges the request for a call.
pub fn spend(time: Duration) {
    // Outside of a request there is nothing to charge.
    let _ = LEFT.try_with(|left| left.set(left.get().saturating_sub(time)));
}
