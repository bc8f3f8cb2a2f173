//! Carries what the router knows about the matched route out to the edge.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// What the edge learns about the route that answered.
#[derive(Debug, Clone)]
pub(super) struct RouteFacts {
    pub(super) path: MatchedPath,
    /// Whether pages of any origin may call it.
    pub(super) public: bool,
}

/// The layer that leaves [`RouteFacts`] in the answer. The innermost one wins.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Mark {
    pub(in crate::http) public: bool,
}

impl<S> Layer<S> for Mark {
    type Service = Marked<S>;

    fn layer(&self, inner: S) -> Marked<S> {
        Marked { inner, mark: *self }
    }
}

/// A route that says which one it is.
#[derive(Debug, Clone)]
pub(in crate::http) struct Marked<S> {
    inner: S,
    mark: Mark,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Marked<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = MarkedFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let path = request.extensions().get::<MatchedPath>().cloned();
        let facts = path.map(|path| RouteFacts { path, public: self.mark.public });
        MarkedFuture { inner: self.inner.call(request), facts }
    }
}

pin_project! {
    /// The answer to come, and what to write on it.
    pub(in crate::http) struct MarkedFuture<F> {
        #[pin]
        inner: F,
        facts: Option<RouteFacts>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for MarkedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut outcome = ready!(this.inner.poll(context));
        if let (Ok(response), Some(facts)) = (&mut outcome, this.facts.take())
            && response.extensions().get::<RouteFacts>().is_none()
        {
            response.extensions_mut().insert(facts);
        }
        Poll::Ready(outcome)
    }
}
