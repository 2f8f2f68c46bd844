//! The workflow document as it is understood, after its shape has been checked.

mod parse;
mod write;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{BlockRef, NodeId};

pub use parse::{parse, read};

/// A graph of blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// `workflowId`; empty if the document has none.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Whatever the author attached.
    pub metadata: Map<String, Value>,
    /// Values that templates and blocks can use.
    pub variables: Map<String, Value>,
    /// The nodes, in document order.
    pub nodes: Vec<Node>,
    /// The edges, in document order.
    pub edges: Vec<Edge>,
    /// Template for the execution's result.
    pub output: Option<Value>,
    /// Wall time of a whole execution.
    pub timeout_ms: Option<u64>,
    /// What belongs to an editor.
    pub ui: Map<String, Value>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the document.
    pub id: NodeId,
    /// The block that it calls.
    pub block: BlockRef,
    /// For people.
    pub name: Option<String>,
    /// The block's config: an object, with templates not yet filled in.
    pub config: Value,
    /// Call the block for each item of a list.
    pub for_each: Option<ForEach>,
    /// When to try again.
    pub retry: Retry,
    /// Wall time of one attempt (and of one item).
    pub timeout_ms: Option<u64>,
    /// What a failure means for the execution.
    pub on_error: OnError,
    /// Block's secret slot → stored secret.
    pub secrets: BTreeMap<String, String>,
    /// What belongs to an editor.
    pub ui: Map<String, Value>,
}

/// Fan-out over a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ForEach {
    /// A template that yields a list, or a literal list.
    pub items: Value,
    /// Items at work at once.
    pub concurrency: usize,
    /// What a failed item means for the node.
    pub on_item_error: OnItemError,
}

impl ForEach {
    /// Items at work at once, if the document says nothing.
    pub const DEFAULT_CONCURRENCY: usize = 8;
    /// The most items at work at once that a document may ask for.
    pub const MAX_CONCURRENCY: u64 = 256;
}

/// What a failed item means for its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnItemError {
    /// The node fails.
    #[default]
    Fail,
    /// The item is left out.
    Skip,
    /// The item is left out and its error reported beside the results.
    Collect,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// All attempts, the first included.
    pub max_attempts: u32,
    /// Base of the exponential backoff.
    pub initial_delay_ms: u64,
    /// Growth of the backoff from attempt to attempt.
    pub multiplier: f64,
    /// Longest backoff.
    pub max_delay_ms: u64,
    /// Codes that are retried even without a hint from the block.
    pub retry_on: Vec<String>,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 1, initial_delay_ms: 1000, multiplier: 2.0, max_delay_ms: 60_000, retry_on: Vec::new() }
    }
}

/// What a node's failure means for the execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The execution fails.
    #[default]
    Fail,
    /// The default port fires `null`.
    Continue,
    /// Only port `error` fires.
    Route,
}

/// A connection from a port of one node to another node.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// An editor's id.
    pub id: Option<String>,
    /// Where data comes from.
    pub source: NodeId,
    /// The port it leaves through; absent: the default port.
    pub source_port: Option<String>,
    /// Where data goes.
    pub target: NodeId,
    /// The key under which it arrives.
    pub target_port: Option<String>,
    /// What belongs to an editor.
    pub ui: Map<String, Value>,
}

/// The port that fires for `onError: route`.
pub const ERROR_PORT: &str = "error";

/// The key under which an editor's own keys are kept.
const UI: &str = "ui";

/// Keys of a document that belong to React Flow.
const DOCUMENT_UI_KEYS: [&str; 1] = ["viewport"];

/// Keys of a node that belong to React Flow (the fields of its `Node` type that are not ours).
const NODE_UI_KEYS: &[&str] = &[
    "ariaLabel",
    "ariaRole",
    "className",
    "connectable",
    "data",
    "deletable",
    "domAttributes",
    "dragHandle",
    "draggable",
    "dragging",
    "expandParent",
    "extent",
    "focusable",
    "handles",
    "height",
    "hidden",
    "initialHeight",
    "initialWidth",
    "internals",
    "measured",
    "origin",
    "parentId",
    "parentNode",
    "position",
    "positionAbsolute",
    "resizing",
    "selectable",
    "selected",
    "sourcePosition",
    "style",
    "targetPosition",
    "width",
    "zIndex",
];

/// Keys of an edge that belong to React Flow (the fields of its `Edge` type that are not ours).
const EDGE_UI_KEYS: &[&str] = &[
    "animated",
    "ariaLabel",
    "ariaRole",
    "className",
    "data",
    "deletable",
    "domAttributes",
    "focusable",
    "hidden",
    "interactionWidth",
    "label",
    "labelBgBorderRadius",
    "labelBgPadding",
    "labelBgStyle",
    "labelShowBg",
    "labelStyle",
    "markerEnd",
    "markerStart",
    "pathOptions",
    "reconnectable",
    "selectable",
    "selected",
    "style",
    "type",
    "updatable",
    "zIndex",
];
