//! `make bench-jobs`: the job processor under W2 (W1 as jobs), on SQLite and on Postgres.
//!
//! `BLOCKYARD_BENCH_JOBS` says how many jobs a backlog has, 100,000 if it does not. Arguments after `jobs` name what to
//! measure, `sqlite` or `postgres`; without any it is both.

mod backlog;
mod live;
mod retention;

use std::time::Duration;

use blockyard_test_postgres::Postgres;

use crate::process::{Home, Process, cpu_of_family};
use crate::report::Report;
use crate::server::Server;
use backlog::{Drain, Jobs};

const MIB: f64 = 1024.0 * 1024.0;
/// 1.5 times the jobs a second of BullMQ with one job an execution.
const P6: f64 = 1.5 * 1460.0;

pub(crate) async fn measure(parts: &[String], report: &mut Report) {
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let count = std::env::var("BLOCKYARD_BENCH_JOBS").map_or(100_000, |count| count.parse().unwrap());
    if wanted("sqlite") {
        sqlite(count, report).await;
    }
    if wanted("postgres") {
        postgres(count, report).await;
    }
}

/// Jobs of a phase that is repeated.
fn burst(count: usize) -> usize {
    (count / 10).max(200)
}

async fn sqlite(count: usize, report: &mut Report) {
    let server = Server::launch(Home::sqlite(), &[]).await.0;
    crate::save(&server, &crate::data("w1.json")).await;
    // Closed, everything is in the database's one file. And the first start compiles the built-in blocks, which takes
    // memory.
    let home = server.stop().await;
    let first_bytes = home.database_bytes();
    let server = Server::launch(home, &[]).await.0;
    let jobs = Jobs::new(&server);

    jobs.at_once(burst(count)).await;
    let fresh = jobs.at_once(burst(count)).await;
    report.add("P6 SQLite, W2 handed in and done", fresh, "jobs/s", Some(-P6));

    let cpu = server.process.cpu();
    let oldest = enqueue("SQLite", &jobs, count, report).await;
    let enqueued = server.process.cpu() - cpu;
    report.add("SQLite, server CPU a job enqueued", per_job_ms(enqueued, count), "ms", None);
    let cpu = server.process.cpu();
    drain("SQLite", &jobs, count, report).await;
    report.add("SQLite, server CPU a job drained", per_job_ms(server.process.cpu() - cpu, count), "ms", None);
    report.add("SQLite, resident memory after the backlog", server.process.resident_mib(), "MiB", None);

    let later = live::measure("SQLite", &jobs, burst(count), report).await;
    report.add("P12 SQLite, W2 fresh over after the backlog", fresh / later, "×", Some(1.1));
    report.add("SQLite, resident memory after everything", server.process.resident_mib(), "MiB", None);

    let done = jobs.handed_in();
    let home = server.stop().await;
    let full_bytes = home.database_bytes();
    let per_job = (full_bytes - first_bytes) as f64 / done as f64 / 1024.0;
    report.add("P12 SQLite, database bytes a job", per_job, "KiB", Some(60.0));
    report.add("SQLite, file before the first job", first_bytes as f64 / MIB, "MiB", None);
    report.add("SQLite, file with all jobs", full_bytes as f64 / MIB, "MiB", None);
    retention::measure(home, first_bytes, &oldest, report).await;
}

async fn postgres(count: usize, report: &mut Report) {
    let postgres = Postgres::durable();
    let url = postgres.database().await;
    let server = Server::launch(Home::at(url.clone()), &["--no-worker"]).await.0;
    crate::save(&server, &crate::data("w1.json")).await;
    // The first start compiles the built-in blocks, which takes memory.
    let server = Server::launch(server.stop().await, &["--no-worker"]).await.0;
    let jobs = Jobs::new(&server);
    let first_bytes = postgres.database_bytes(&url).await;
    let (mut workers, mut rates) = (Vec::new(), Vec::new());
    for number in 1..=2 {
        let name = format!("Postgres, {number} worker{}", if number > 1 { "s" } else { "" });
        jobs.pause().await;
        let mut worker = Process::start(&server.home, "worker", &[]);
        worker.until("working on jobs").await;
        workers.push(worker);
        // So that all of them have compiled what they run.
        jobs.resume().await;
        jobs.at_once(burst(count) / 2).await;

        let cpu = Cpu::now(&server, &workers, &postgres);
        enqueue(&name, &jobs, count, report).await;
        cpu.report(&format!("{name}, enqueued"), count, &Cpu::now(&server, &workers, &postgres), report);
        let cpu = Cpu::now(&server, &workers, &postgres);
        rates.push(drain(&name, &jobs, count, report).await.per_second);
        cpu.report(&format!("{name}, drained"), count, &Cpu::now(&server, &workers, &postgres), report);
        for worker in &workers {
            report.add(&format!("{name}, resident memory of one"), worker.resident_mib(), "MiB", None);
        }
    }
    report.add("P11 Postgres, drained by 2 workers over 1", rates[1] / rates[0], "×", None);
    let per_job = (postgres.database_bytes(&url).await - first_bytes) as f64 / jobs.handed_in() as f64 / 1024.0;
    report.add("Postgres, database bytes a job", per_job, "KiB", None);
    report.add("Postgres, resident memory of the server", server.process.resident_mib(), "MiB", None);
    let rate = live::measure("Postgres, 2 workers", &jobs, burst(count), report).await;
    report.add("P6 Postgres, 2 workers, W2 handed in and done", rate, "jobs/s", None);
    for worker in workers {
        worker.stop().await;
    }
    server.stop().await;
}

/// Hand in a backlog while nothing is begun; the job that came first.
async fn enqueue(name: &str, jobs: &Jobs<'_>, count: usize, report: &mut Report) -> String {
    jobs.pause().await;
    let (first, enqueued) = jobs.enqueue(count).await;
    report.add(&format!("{name}, enqueued over 32 connections"), enqueued.per_second, "jobs/s", None);
    report.add(&format!("{name}, a request to enqueue, p50"), enqueued.p50_ms, "ms", None);
    report.add(&format!("{name}, a request to enqueue, p99"), enqueued.p99_ms, "ms", None);
    first
}

async fn drain(name: &str, jobs: &Jobs<'_>, count: usize, report: &mut Report) -> Drain {
    let drain = jobs.drain(count).await;
    report.add(&format!("{name}, drained"), drain.per_second, "jobs/s", None);
    for (what, times) in [("wait", &drain.wait_ms), ("run", &drain.run_ms)] {
        for (quantile, ms) in ["p50", "p95", "p99"].iter().zip(times) {
            report.add(&format!("{name}, {what} time, {quantile} (newest 10,000)"), *ms, "ms", None);
        }
    }
    drain
}

fn per_job_ms(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1000.0 / count as f64
}

/// Processor time used so far, by whom.
struct Cpu {
    server: Duration,
    workers: Duration,
    database: Duration,
}

impl Cpu {
    fn now(server: &Server, workers: &[Process], postgres: &Postgres) -> Self {
        Self {
            server: server.process.cpu(),
            workers: workers.iter().map(Process::cpu).sum(),
            database: cpu_of_family(postgres.process_id()),
        }
    }

    fn report(&self, name: &str, count: usize, later: &Self, report: &mut Report) {
        let spent = [later.server - self.server, later.workers - self.workers, later.database - self.database];
        for (who, time) in ["server", "workers", "database"].iter().zip(spent) {
            report.add(&format!("{name}, CPU of the {who} a job"), per_job_ms(time, count), "ms", None);
        }
        let share = spent[2].as_secs_f64() / spent.iter().sum::<Duration>().as_secs_f64();
        report.add(&format!("{name}, the database's share of the CPU"), share * 100.0, "%", None);
    }
}
