//! One line of the contract's table, and who may call it.

use crate::app::App;
use crate::auth::rates::Purpose;
use crate::json::statement;
use crate::wire::admission::Class;
use crate::wire::page::Page;
use axum::http::Method;
use axum::routing::MethodRouter;
use std::collections::BTreeMap;
pub use usance_engine::caller::Permission;
use usance_engine::rights::right;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The schemas a document gathers by name.
pub type Schemas = BTreeMap<String, RefOr<Schema>>;
type SchemaOf = fn(&mut Schemas) -> String;

/// One line of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// The operation's name: noun and verb.
    pub operation: &'static str,
    /// Who may call it.
    pub permission: Permission,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Query parameters.
    pub query: &'static [&'static str],
    /// The body's schema.
    pub body: Option<SchemaOf>,
    /// The answer's schema.
    pub answer: Option<SchemaOf>,
    /// The status of success: 201 where something new is there, else 200.
    pub done: u16,
    /// How it is let in.
    pub class: Class,
    /// What answers it.
    pub handler: fn() -> MethodRouter<App>,
}

impl Route {
    pub(super) fn new(
        method: Method,
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
        handler: fn() -> MethodRouter<App>,
    ) -> Route {
        // What has no right would be the operator's alone; a test finds it.
        let permission = right(operation).unwrap_or(Permission::Operator);
        Route { method, path, operation, permission, summary, query: &[], body: None, answer: None, done: 200, class: Class::Fast, handler }
    }
    pub(super) const fn query(mut self, names: &'static [&'static str]) -> Route {
        self.query = names;
        self
    }
    pub(super) const fn takes<T: ToSchema>(mut self) -> Route {
        self.body = Some(named::<T>);
        self
    }
    pub(super) const fn gives<T: ToSchema>(mut self) -> Route {
        self.answer = Some(named::<T>);
        self
    }
    /// As [`Route::gives`], for what is there only then.
    pub(super) const fn makes<T: ToSchema>(mut self) -> Route {
        self.answer = Some(named::<T>);
        self.done = 201;
        self
    }
    /// It asks the read tables, the log or the stored people.
    pub(super) const fn stored(mut self) -> Route {
        self.class = Class::Stored;
        self
    }
    /// It walks far, or takes a core for a while.
    pub(super) const fn expensive(mut self) -> Route {
        self.class = Class::Expensive;
        self
    }
    pub(super) const fn lists<T: ToSchema>(mut self) -> Route {
        self.answer = Some(listed::<T>);
        self
    }
    /// Whether it changes something and therefore carries an idempotency key.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.method != Method::GET && !previews(self.path)
    }
    /// The forms that its answer has, the usual one first.
    #[must_use]
    pub fn forms(&self) -> &'static [&'static str] {
        match self.operation {
            "metrics_get" => &["text/plain"],
            "docs_get" => &["text/html"],
            "event_stream" => &["text/event-stream"],
            "statement_get" => &statement::FORMS,
            _ => &["application/json"],
        }
    }
    /// For which of a customer's rates it counts.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self.class {
            _ if !self.permission.for_customer() => Purpose::Other,
            _ if self.writes() => Purpose::Write,
            _ if previews(self.path) => Purpose::Preview,
            Class::Fast | Class::SignIn => Purpose::Other,
            Class::Stored | Class::Expensive => Purpose::History,
        }
    }
}

/// Whether a path is sent to by POST and yet only reads.
#[must_use]
pub fn previews(path: &str) -> bool {
    ["/v1/subscriptions/preview", "/v1/operator/audit"].contains(&path)
        || ["/redemption-preview", "/allocation-preview"].iter().any(|end| path.ends_with(end))
}

fn named<T: ToSchema>(schemas: &mut Schemas) -> String {
    let mut nested = Vec::new();
    T::schemas(&mut nested);
    schemas.extend(nested);
    schemas.insert(T::name().into_owned(), <T as PartialSchema>::schema());
    T::name().into_owned()
}

fn listed<T: ToSchema>(schemas: &mut Schemas) -> String {
    named::<T>(schemas);
    let name = format!("Page_{}", T::name());
    schemas.insert(name.clone(), <Page<T> as PartialSchema>::schema());
    name
}
