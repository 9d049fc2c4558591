//! A Kafka source's consumers: made before anything is started, so that what librdkafka does not take is said at the start,
//! and run as one worker that ends when its last consumer has.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::export::Shared;
use crate::pipeline::Pipeline;
use crate::source::Stop;
use crate::source::kafka::{Client, Panel, Panels, Reports, Setting, is_secret};
use crate::worker::kafka::{KafkaWorker, Member, Positions};
use crate::worker::{Ended, EngineSlot};
use crate::world::Clock;

/// The consumers of one source.
pub struct Members {
    name: String,
    setting: Arc<Setting>,
    subscriptions: Vec<String>,
    clients: Vec<(Client, Arc<Panel>)>,
}

impl Members {
    /// Connects to nobody yet. An error says what is wrong with the setting and shows no secret.
    pub fn of(name: &str, setting: &Setting) -> Result<Members, String> {
        let mut clients = Vec::new();
        for consumer in 0..usize::from(setting.consumers) {
            let properties = setting.properties(consumer).map_err(|trouble| trouble.to_string())?;
            let secrets = properties.iter().filter(|(key, _)| is_secret(key)).map(|(_, secret)| secret);
            let reports = Arc::new(Reports::new(name, secrets));
            let client = Client::new(&properties, setting.token().cloned(), reports.clone())?;
            clients.push((client, Arc::new(Panel::new(reports))));
        }
        let subscriptions = setting.subscriptions().map_err(|trouble| trouble.to_string())?;
        Ok(Members { name: name.to_owned(), setting: Arc::new(setting.clone()), subscriptions, clients })
    }

    /// Whether any broker answers; if none does, why.
    pub fn try_brokers(&self, patience: Duration) -> Result<(), String> {
        let Some((client, panel)) = self.clients.first() else { return Ok(()) };
        match client.is_answered(patience) {
            true => Ok(()),
            false => Err(panel.reports.why_not().unwrap_or_else(|| "no broker answers".to_owned())),
        }
    }

    /// What they show.
    pub fn panels(&self) -> Panels {
        Panels {
            source: self.name.clone(),
            per_partition: self.setting.per_partition,
            consumers: self.clients.iter().map(|(_, panel)| panel.clone()).collect(),
        }
    }

    /// One for each consumer. What they show is shown from now on, and what they wait for keeps us from being ready.
    /// `hurry` gives each a way to ask for a commit of the ledger soon.
    pub fn workers(
        self,
        pipeline: Pipeline,
        shared: &Arc<Shared>,
        engines: &Arc<EngineSlot>,
        clock: &Clock,
        hurry: impl Fn() -> Box<dyn Fn() + Send>,
        tick_interval: Duration,
    ) -> io::Result<Vec<KafkaWorker>> {
        let (shown, checked) = (self.panels(), self.panels());
        shared.telemetry.add_collector(Box::new(move |now| shown.gather(now)));
        shared.add_check(Box::new(move || checked.why_not().map(|why| format!("{}: {why}", checked.source))));
        let positions = Positions::of(&self.name, shared).map_err(io::Error::other)?;
        let pipelines = pipeline.several(self.clients.len());
        let members = self.clients.into_iter().zip(pipelines).enumerate();
        let worker = |(number, ((client, panel), pipeline))| {
            let member = Member {
                setting: self.setting.clone(),
                client,
                subscriptions: self.subscriptions.clone(),
                number,
                positions: positions.clone(),
                panel,
                shared: shared.clone(),
                hurry: hurry(),
                pipeline,
                clock: clock.clone(),
                tick_interval,
            };
            KafkaWorker::new(member).with_rules_of(engines.clone())
        };
        Ok(members.map(worker).collect())
    }
}

/// All of them, each in a thread of its own; the worst end is the end of all.
pub fn run(workers: Vec<KafkaWorker>, stop: &Stop) -> Ended {
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .enumerate()
            .map(|(number, worker)| {
                let thread = thread::Builder::new().name(format!("kafka-{number}"));
                thread.spawn_scoped(scope, move || worker.run(stop))
            })
            .collect();
        let ended = threads.into_iter().map(|thread| match thread.map(|thread| thread.join()) {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => Ended::Failed(io::Error::other("a consumer panicked")),
            Err(error) => Ended::Failed(error),
        });
        let worst = |one: Ended, other: Ended| if matches!(one, Ended::Failed(_)) { one } else { other };
        ended.reduce(worst).unwrap_or(Ended::Asked)
    })
}
