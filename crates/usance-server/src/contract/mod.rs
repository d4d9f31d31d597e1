//! The contract: ONE table of method, path, operation, permission, shapes and handler. The router, the guards, the OpenAPI document,
//! the metrics and the unauthorized test are all made from it.

pub mod openapi;
pub mod route;
pub mod routes;

pub use route::{Permission, Route, Schemas};
pub use routes::table;
