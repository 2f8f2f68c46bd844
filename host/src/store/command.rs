//! The rare requests that look before they write. They run on the writer's task, in order with the writes.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::Store;
use super::batch::Transaction;
use super::error::StoreError;
use super::waiting::Message;

/// A request to the writer with an answer of its own.
pub(crate) trait Command: Debug + Send + Sync + 'static {
    /// The answer.
    type Output: Send + 'static;

    /// Carry it out. It may be run again after a rollback.
    ///
    /// # Errors
    /// A `Conflict`, or an `UnknownBlock`, is an answer: nothing may have been written then, and the transaction goes on without it. All else
    /// rolls it back.
    fn run(&self, transaction: &mut Transaction<'_>) -> impl Future<Output = Result<Self::Output, StoreError>> + Send;
}

/// A command of any kind, with whom to answer.
pub(crate) trait Pending: Send {
    fn run<'a>(
        &'a mut self,
        transaction: &'a mut Transaction<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

    fn acknowledge(self: Box<Self>, result: Result<(), StoreError>);
}

struct Asked<C: Command> {
    command: C,
    answer: Option<Result<C::Output, StoreError>>,
    reply: oneshot::Sender<Result<C::Output, StoreError>>,
}

impl<C: Command> Pending for Asked<C> {
    fn run<'a>(
        &'a mut self,
        transaction: &'a mut Transaction<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
        Box::pin(async move {
            let answer = match self.command.run(transaction).await {
                Err(error) if !error.is_answer() => return Err(error),
                answer => answer,
            };
            self.answer = Some(answer);
            Ok(())
        })
    }

    fn acknowledge(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { answer, reply, .. } = *self;
        // Nobody may be waiting.
        drop(reply.send(result.and_then(|()| answer.unwrap_or(Err(StoreError::Closed)))));
    }
}

impl Store {
    /// Have the writer carry out `command`; the answer comes after the commit.
    pub(crate) async fn ask<C: Command>(&self, command: C) -> Result<C::Output, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Command(Box::new(Asked { command, answer: None, reply })));
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}
