//! From a document to a [`Plan`], or to everything that is wrong with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Orchestrator;
use super::expressions;
use super::plan::{Plan, PlanEdge, PlanForEach, PlanNode, Shape};
use super::template::Template;
use crate::blocks::{Block, Catalogue, is_expression_field};
use crate::config::ExecutionConfig;
use crate::domain::problem::pointer;
use crate::domain::workflow::{ERROR_PORT, Edge, Node, OnError, read};
use crate::domain::{Json, Problem, Report, Workflow};
use crate::runtime::digest;

/// Digest of the block behind each `type` in a document, as an execution started with them.
pub type Pins = BTreeMap<String, String>;

impl Orchestrator {
    /// Read a document, check it, and make it ready to run.
    ///
    /// # Errors
    /// Everything that is wrong with its shape and its meaning.
    pub async fn compile_document(
        &self,
        document: &Value,
        pins: Option<&Pins>,
    ) -> Result<(Plan, Vec<Problem>), Report> {
        let (workflow, mut problems) = read(document);
        let Some(workflow) = workflow else { return Err(Report::new(problems, Vec::new())) };
        match self.compile(workflow, pins).await {
            Ok(compiled) if problems.is_empty() => Ok(compiled),
            Ok((_, warnings)) => Err(Report::new(problems, warnings)),
            Err(Report { errors, warnings, .. }) => {
                problems.extend(errors);
                Err(Report::new(problems, warnings))
            }
        }
    }

    /// Have the catalogue look again if a block is not there, or not usable, that another process may have added or granted
    /// a moment ago.
    async fn look_for(&self, workflow: &Workflow, pins: Option<&Pins>) {
        let is_shared = self.store.is_shared();
        let known = |node: &Node| match pins.and_then(|pins| pins.get(&node.block.to_string())) {
            Some(digest) => self.catalogue.by_digest(&node.block.block_type, digest).is_some(),
            None => !is_shared || self.catalogue.resolve(&node.block).is_ok(),
        };
        if !workflow.nodes.iter().all(known)
            && let Err(error) = Box::pin(self.catalogue.refresh()).await
        {
            tracing::warn!(%error, "the catalogue cannot be refreshed");
        }
    }

    /// Check a document and make it ready to run.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub async fn compile(&self, workflow: Workflow, pins: Option<&Pins>) -> Result<(Plan, Vec<Problem>), Report> {
        self.look_for(&workflow, pins).await;
        let mut compiler = Compiler::new(&self.catalogue, &self.config, pins);
        compiler.sizes(&workflow);
        let numbers = compiler.numbers(&workflow);
        let nodes: Vec<Option<PlanNode>> =
            workflow.nodes.iter().enumerate().map(|(index, node)| compiler.node(node, index)).collect();
        let edges = compiler.edges(&workflow, &numbers, &nodes);
        let shape = Shape::new(workflow.nodes.len(), &edges.iter().map(|e| (e.source, e.target)).collect::<Vec<_>>());
        let order = compiler.order(&workflow, &shape);
        let output = compiler.output(&workflow);
        let mut plan = Plan {
            document: Json::null(),
            document_digest: String::new(),
            blocks: Json::null(),
            nodes: Vec::new(),
            numbers: HashMap::new(),
            order,
            output,
            edges,
            workflow,
        };
        compiler.routes(&plan, &nodes);
        let (mut errors, warnings) = (compiler.errors, compiler.warnings);
        let mut nodes: Vec<(usize, PlanNode)> =
            nodes.into_iter().enumerate().filter_map(|(index, node)| Some((index, node?))).collect();
        let mut found = expressions::collect(&plan, &nodes);
        expressions::check(&self.evaluator, &mut found).await;
        let configs = nodes.iter_mut().flat_map(|(_, node)| node.templates());
        expressions::note_references(&found, configs.chain(&mut plan.output));
        errors.extend(found.iter().flat_map(|found| expressions::problems(found, &plan, &shape, &numbers)));
        if !errors.is_empty() {
            return Err(Report::new(errors, warnings));
        }
        plan.nodes = nodes.into_iter().map(|(_, node)| node).collect();
        plan.numbers = numbers;
        connect(&mut plan);
        plan.document = Json::from(plan.workflow.to_value());
        plan.document_digest = digest(plan.document.as_str().as_bytes());
        plan.blocks = blocks(&plan);
        Ok((plan, warnings))
    }
}

/// Tell every node its edges.
fn connect(plan: &mut Plan) {
    for (number, edge) in plan.edges.iter().enumerate() {
        plan.nodes[edge.source].outgoing.push(number);
        plan.nodes[edge.target].incoming.push(number);
    }
}

fn blocks(plan: &Plan) -> Json {
    let pins: Pins = plan
        .workflow
        .nodes
        .iter()
        .zip(&plan.nodes)
        .map(|(node, planned)| (node.block.to_string(), planned.block.digest().to_owned()))
        .collect();
    Json::encode(&pins)
}

struct Compiler<'a> {
    catalogue: &'a Catalogue,
    config: &'a ExecutionConfig,
    pins: Option<&'a Pins>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Compiler<'a> {
    fn new(catalogue: &'a Catalogue, config: &'a ExecutionConfig, pins: Option<&'a Pins>) -> Self {
        Self { catalogue, config, pins, errors: Vec::new(), warnings: Vec::new() }
    }

    fn error(&mut self, at: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.errors.push(Problem::new(at, code, message));
    }

    fn sizes(&mut self, workflow: &Workflow) {
        let (nodes, edges) = (workflow.nodes.len(), workflow.edges.len());
        if nodes == 0 {
            self.error("/nodes", "no-start", "there is nothing to start from: the workflow has no nodes");
        }
        if nodes > self.config.max_nodes {
            let max = self.config.max_nodes;
            self.error("/nodes", "too-many-nodes", format!("{nodes} nodes; at most {max} are allowed"));
        }
        if edges > self.config.max_edges {
            let max = self.config.max_edges;
            self.error("/edges", "too-many-edges", format!("{edges} edges; at most {max} are allowed"));
        }
    }

    fn numbers(&mut self, workflow: &Workflow) -> HashMap<String, usize> {
        let mut numbers = HashMap::with_capacity(workflow.nodes.len());
        for (index, node) in workflow.nodes.iter().enumerate() {
            if let Some(first) = numbers.insert(node.id.to_string(), index) {
                let message = format!("node id `{}` is used twice, first at /nodes/{first}", node.id);
                self.error(format!("/nodes/{index}/id"), "duplicate-node", message);
            }
        }
        numbers
    }

    fn block(&mut self, node: &Node, at: &str) -> Option<Arc<Block>> {
        let name = node.block.to_string();
        if let Some(digest) = self.pins.and_then(|pins| pins.get(&name)) {
            let block = self.catalogue.by_digest(&node.block.block_type, digest);
            if block.is_none() {
                let message = format!("the component {digest} of `{name}` that the execution started with is not here");
                self.error(pointer(at, "type"), "unknown-version", message);
            }
            return block;
        }
        match self.catalogue.resolve(&node.block) {
            Ok(block) => Some(block),
            Err(error) => {
                self.error(pointer(at, "type"), error.code(), error.to_string());
                None
            }
        }
    }

    fn node(&mut self, node: &Node, index: usize) -> Option<PlanNode> {
        let at = format!("/nodes/{index}");
        let items = node.for_each.as_ref().map(|for_each| {
            let parsed = Template::parse(&for_each.items, &format!("{at}/forEach/items"), &|_| false);
            self.keep(parsed)
        });
        let block = self.block(node, &at)?;
        let schema = &block.manifest.config_schema;
        let parsed = Template::parse(&node.config, &pointer(&at, "config"), &|path| is_expression_field(schema, path));
        let config = self.keep(parsed)?;
        let templated: Vec<&str> = config.expressions.iter().map(|expression| expression.pointer.as_str()).collect();
        let early = block.check_config_early(&node.config, &format!("{at}/config"), &templated);
        self.errors.extend(early.problems);
        for slot in node.secrets.keys().filter(|slot| !block.manifest.secrets.iter().any(|known| known.name == **slot))
        {
            let message = format!("block `{}` asks for no secret `{slot}`", block.manifest.block_type);
            self.errors.push(Problem::new(pointer(&format!("{at}/secrets"), slot), "unknown-secret", message));
        }
        let for_each = match (&node.for_each, items) {
            (Some(settings), Some(items)) => Some(PlanForEach { items: items?, settings: settings.clone() }),
            _ => None,
        };
        Some(PlanNode {
            id: node.id.clone(),
            ports: block.manifest.ports(&node.config),
            default_port: block.manifest.default_port().map(str::to_owned),
            config_checked: early.is_all,
            config,
            for_each,
            retry: node.retry.clone(),
            on_error: node.on_error,
            limits: block.limits(node.timeout_ms),
            has_effects: !block.manifest.is_pure(),
            secrets: node.secrets.clone(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            block,
        })
    }

    fn keep(&mut self, parsed: Result<Template, Vec<Problem>>) -> Option<Template> {
        parsed.map_err(|problems| self.errors.extend(problems)).ok()
    }

    fn edges(
        &mut self,
        workflow: &Workflow,
        numbers: &HashMap<String, usize>,
        nodes: &[Option<PlanNode>],
    ) -> Vec<PlanEdge> {
        let mut edges = Vec::with_capacity(workflow.edges.len());
        for (index, edge) in workflow.edges.iter().enumerate() {
            let mut end = |name: &str, id: &str| {
                let number = numbers.get(id).copied();
                if number.is_none() {
                    self.error(format!("/edges/{index}/{name}"), "unknown-node", format!("there is no node `{id}`"));
                }
                number
            };
            let ends = (end("source", edge.source.as_str()), end("target", edge.target.as_str()));
            let (Some(source), Some(target)) = ends else { continue };
            let port = match &nodes[source] {
                Some(node) => self.port(edge, index, node),
                None => edge.source_port.clone(),
            };
            edges.push(PlanEdge { source, port, target, target_port: edge.target_port.clone() });
        }
        edges
    }

    fn port(&mut self, edge: &Edge, index: usize, node: &PlanNode) -> Option<String> {
        let routes = node.on_error == OnError::Route;
        let names = || {
            let error = routes.then_some(ERROR_PORT);
            let ports: Vec<_> = node.ports.iter().map(String::as_str).chain(error).map(|p| format!("`{p}`")).collect();
            ports.join(", ")
        };
        let block = &node.block.manifest.block_type;
        match &edge.source_port {
            Some(port) if node.ports.contains(port) || (routes && port == ERROR_PORT) => Some(port.clone()),
            Some(port) => {
                let hint = if port == ERROR_PORT { "; port `error` needs `onError: route`" } else { "" };
                let message = format!("node `{}` ({block}) has no port `{port}`, only {}{hint}", node.id, names());
                self.error(format!("/edges/{index}/sourcePort"), "unknown-port", message);
                None
            }
            None if node.default_port.is_none() => {
                let message = format!("node `{}` ({block}) has no default port: name one of {}", node.id, names());
                self.error(format!("/edges/{index}"), "unknown-port", message);
                None
            }
            None => node.default_port.clone(),
        }
    }

    fn order(&mut self, workflow: &Workflow, shape: &Shape) -> Vec<usize> {
        let name = |node: usize| workflow.nodes[node].id.as_str();
        match shape.order() {
            Ok(order) => order,
            Err(cycle) => {
                let names: Vec<_> = cycle.iter().chain(cycle.first()).map(|node| name(*node)).collect();
                self.error("/edges", "cycle", format!("the nodes form a cycle: {}", names.join(" → ")));
                let reachable = shape.reachable();
                if reachable.is_empty() && !workflow.nodes.is_empty() {
                    self.error("/nodes", "no-start", "there is nothing to start from: every node waits for another");
                }
                for node in (0..workflow.nodes.len()).filter(|node| !reachable.contains(node)) {
                    let message = format!("node `{}` cannot be reached from any start", name(node));
                    self.warnings.push(Problem::new(format!("/nodes/{node}"), "unreachable-node", message));
                }
                Vec::new()
            }
        }
    }

    /// `onError: route` needs an edge to route to; a node without any edge is likely forgotten.
    fn routes(&mut self, plan: &Plan, nodes: &[Option<PlanNode>]) {
        let mut has_route = vec![false; nodes.len()];
        let mut has_edge = vec![false; nodes.len()];
        for edge in &plan.edges {
            has_edge[edge.source] = true;
            has_edge[edge.target] = true;
            has_route[edge.source] |= edge.port.as_deref() == Some(ERROR_PORT);
        }
        for (index, node) in plan.workflow.nodes.iter().enumerate() {
            if node.on_error == OnError::Route && !has_route[index] {
                let message = format!("node `{}` routes its errors, but no edge leaves its port `error`", node.id);
                self.error(format!("/nodes/{index}/onError"), "unrouted-error", message);
            }
            if plan.workflow.nodes.len() > 1 && !has_edge[index] {
                let message = format!("node `{}` is connected to nothing", node.id);
                self.warnings.push(Problem::new(format!("/nodes/{index}"), "isolated-node", message));
            }
        }
    }

    fn output(&mut self, workflow: &Workflow) -> Option<Template> {
        let parsed = Template::parse(workflow.output.as_ref()?, "/output", &|_| false);
        self.keep(parsed)
    }
}

/// The variables of an execution: the document's, overridden by those given, member by member at the top.
pub fn merged_variables(document: &Map<String, Value>, given: &Map<String, Value>) -> Json {
    let mut merged = document.clone();
    merged.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    Json::from(Value::Object(merged))
}
