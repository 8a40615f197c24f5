//! The tables: runs that come and go, what stands, and the past.

use super::super::kind::Kind;
use super::{Scenario, Twist, Work};

const fn run(word: &'static str, work: Work, fates: &'static [(&'static str, &'static str)], twist: Twist) -> Scenario {
    Scenario { word, work, fates, twist }
}

const fn training(kind: Kind, workers: u32, gpus: u32) -> Work {
    Work::Training { kind, workers, gpus }
}

const fn train(nodes: u32, gpus: u32) -> Work {
    Work::Train { runtime: "torch-distributed", nodes, gpus }
}

const SMALL_STUDY: Work = Work::Experiment { trials: 6, parallel: 2, gpus: 1 };

/// Runs that come and go, each ending in its own way.
pub(in super::super) const RUNS: &[Scenario] = &[
    run("finetune", training(Kind::PyTorchJob, 2, 2), &[("", "succeed 95")], Twist::None),
    run("pretrain", training(Kind::PyTorchJob, 3, 2), &[("", "succeed 120"), (".worker-1", "oom 35")], Twist::None),
    run(
        "elastic",
        training(Kind::PyTorchJob, 2, 1),
        &[("", "succeed 90"), (".worker-0", "fail 25 143"), (".worker-0.try-1", "succeed 60")],
        Twist::Restarts(3),
    ),
    run("wrongtag", training(Kind::PyTorchJob, 1, 1), &[("", "no-image")], Twist::None),
    run("distill", training(Kind::TFJob, 2, 1), &[("", "succeed 80")], Twist::None),
    run("allreduce", training(Kind::MPIJob, 2, 2), &[("", "succeed 70")], Twist::None),
    run("hosts", training(Kind::MPIJob, 2, 1), &[("", "succeed 90"), (".launcher-0", "fail 20 255")], Twist::None),
    run("boost", training(Kind::XGBoostJob, 2, 0), &[("", "succeed 45")], Twist::None),
    run("flax", training(Kind::JAXJob, 2, 1), &[("", "succeed 75")], Twist::None),
    run("paddle", training(Kind::PaddleJob, 1, 1), &[("", "fail 6 1")], Twist::Restarts(4)),
    run("sft", train(2, 4), &[("", "succeed 110")], Twist::None),
    run(
        "lora",
        Work::Train { runtime: "torchtune-llama3.2-1b", nodes: 1, gpus: 2 },
        &[("", "succeed 80"), (".dataset-initializer-0", "succeed 12"), (".model-initializer-0", "succeed 15")],
        Twist::None,
    ),
    run("dpo", train(2, 2), &[("", "succeed 90"), (".node-1", "oom 30")], Twist::None),
    run("huge", train(2, 16), &[("", "succeed 60")], Twist::None),
    run("h100", train(1, 8), &[("", "succeed 60")], Twist::WrongPool),
    run("slow", train(1, 1), &[("", "succeed 600")], Twist::Deadline(60)),
    run(
        "restart",
        train(2, 1),
        &[("", "succeed 60"), (".node-0", "fail 25 1"), (".node-0.try-1", "succeed 60")],
        Twist::Restarts(2),
    ),
    run("overquota", train(1, 8), &[("", "succeed 60")], Twist::SmallQuota),
    run("sweep", SMALL_STUDY, &[("", "succeed 30")], Twist::None),
    run("tune", SMALL_STUDY, &[("", "succeed 25"), (".trial-1", "fail 12 1"), (".trial-3", "oom 15")], Twist::None),
    run("blind", SMALL_STUDY, &[("", "succeed 25"), (".trial-2", "mute 20")], Twist::None),
    run("search", SMALL_STUDY, &[("", "fail 10 2")], Twist::None),
    run("train-eval", Work::Pipeline, &[("", "succeed 22")], Twist::None),
    run("nightly", Work::Pipeline, &[("", "succeed 20")], Twist::Cached("ingest,validate")),
    run("features", Work::Pipeline, &[("", "succeed 18"), (".train", "oom 20")], Twist::None),
    run("overnight", Work::Pipeline, &[("", "succeed 25")], Twist::Deadline(70)),
    run("backfill", Work::Pipeline, &[("", "succeed 18"), (".validate", "fail 9 1")], Twist::None),
    run("batch", Work::Pipeline, &[("", "succeed 18"), (".train", "evict-memory 25")], Twist::None),
    run(
        "export",
        Work::Steps,
        &[("", "succeed 12"), (".convert", "fail 8 1"), (".convert.try-2", "succeed 15")],
        Twist::None,
    ),
    run("publish", Work::Steps, &[("", "succeed 12"), (".convert", "fail 6 1")], Twist::None),
    run("etl", Work::Spark { executors: 3 }, &[("", "forever"), (".driver", "succeed 60")], Twist::None),
    run(
        "join",
        Work::Spark { executors: 2 },
        &[("", "forever"), (".driver", "fail 25 1"), (".driver.try-1", "succeed 45")],
        Twist::Restarts(2),
    ),
    run("aggregate", Work::Spark { executors: 3 }, &[("", "forever"), (".driver", "oom 35")], Twist::None),
    run(
        "skew",
        Work::Spark { executors: 3 },
        &[("", "forever"), (".driver", "succeed 60"), (".executor-2", "oom 20")],
        Twist::None,
    ),
    run("checksum", Work::Job, &[("", "succeed 30")], Twist::None),
    run("migrate", Work::Job, &[("", "flaky 2 6 20")], Twist::None),
    run("cleanup", Work::Job, &[("", "evict-disk 18")], Twist::None),
    run("settings", Work::Job, &[("", "no-config")], Twist::Deadline(90)),
];

const NOTEBOOK: Work = Work::Notebook { gpus: 0 };
const GPU_NOTEBOOK: Work = Work::Notebook { gpus: 1 };

/// What stands all the time: notebooks and served models, good and bad.
pub(in super::super) const STANDING: &[Scenario] = &[
    run("explore", GPU_NOTEBOOK, &[("", "forever")], Twist::None),
    run("analysis", NOTEBOOK, &[("", "forever")], Twist::None),
    run("labels", NOTEBOOK, &[("", "forever")], Twist::None),
    run("scratch", NOTEBOOK, &[("", "forever")], Twist::None),
    run("paper", NOTEBOOK, &[("", "forever")], Twist::Suspended),
    run("demo", NOTEBOOK, &[("", "forever")], Twist::Suspended),
    run("dashboards", NOTEBOOK, &[("", "forever")], Twist::None),
    run("kernel", NOTEBOOK, &[("", "fail 5 1")], Twist::None),
    run("custom", NOTEBOOK, &[("", "no-image")], Twist::None),
    run("proto", Work::Notebook { gpus: 8 }, &[("", "forever")], Twist::WrongPool),
    run("assembly", Work::Notebook { gpus: 5 }, &[("", "forever")], Twist::SmallQuota),
    run("wrangle", NOTEBOOK, &[("", "oom 40")], Twist::None),
    run("classifier", Work::Model { gpus: 1 }, &[("", "forever")], Twist::None),
    run("ranker", Work::Model { gpus: 0 }, &[("", "forever")], Twist::None),
    run("chat", Work::Model { gpus: 2 }, &[("", "fail 15 1")], Twist::None),
    run("waiting", train(2, 2), &[("", "succeed 60")], Twist::Suspended),
    run("paused", training(Kind::PyTorchJob, 2, 1), &[("", "succeed 60")], Twist::Suspended),
    run("foundation", train(2, 8), &[("", "succeed 7200")], Twist::None),
    run("reward", training(Kind::PyTorchJob, 1, 2), &[("", "succeed 5400")], Twist::None),
];

/// The past: a scenario and how many hours ago it began.
pub(in super::super) const PAST: &[(Scenario, f64)] = &[
    (run("finetune", training(Kind::PyTorchJob, 2, 2), &[("", "succeed 95")], Twist::None), 5.0),
    (
        run("pretrain", training(Kind::PyTorchJob, 3, 2), &[("", "succeed 120"), (".worker-1", "oom 35")], Twist::None),
        3.2,
    ),
    (run("distill", training(Kind::TFJob, 2, 1), &[("", "succeed 80")], Twist::None), 9.0),
    (run("allreduce", training(Kind::MPIJob, 2, 2), &[("", "succeed 70")], Twist::None), 20.0),
    (run("paddle", training(Kind::PaddleJob, 1, 1), &[("", "fail 6 1")], Twist::Restarts(4)), 6.0),
    (run("boost", training(Kind::XGBoostJob, 2, 0), &[("", "succeed 45")], Twist::None), 2.0),
    (run("sft", train(2, 4), &[("", "succeed 110")], Twist::None), 8.0),
    (run("dpo", train(2, 2), &[("", "succeed 90"), (".node-1", "oom 30")], Twist::None), 2.5),
    (run("slow", train(1, 1), &[("", "succeed 600")], Twist::Deadline(3600)), 4.0),
    (run("wrongtag", train(1, 1), &[("", "no-image")], Twist::None), 1.0),
    (run("sweep", SMALL_STUDY, &[("", "succeed 30")], Twist::None), 7.0),
    (run("search", SMALL_STUDY, &[("", "fail 10 2")], Twist::None), 4.5),
    (run("train-eval", Work::Pipeline, &[("", "succeed 22")], Twist::None), 6.0),
    (run("nightly", Work::Pipeline, &[("", "succeed 20")], Twist::Cached("ingest,validate")), 12.0),
    (run("features", Work::Pipeline, &[("", "succeed 18"), (".train", "oom 20")], Twist::None), 3.0),
    (run("abandoned", Work::Pipeline, &[("", "succeed 18")], Twist::Terminated), 1.5),
    (run("publish", Work::Steps, &[("", "succeed 12"), (".convert", "fail 6 1")], Twist::None), 5.5),
    (run("batch", Work::Pipeline, &[("", "succeed 18"), (".train", "evict-memory 25")], Twist::None), 10.0),
    (run("etl", Work::Spark { executors: 3 }, &[("", "forever"), (".driver", "succeed 60")], Twist::None), 11.0),
    (run("aggregate", Work::Spark { executors: 3 }, &[("", "forever"), (".driver", "oom 35")], Twist::None), 2.2),
    (run("checksum", Work::Job, &[("", "succeed 30")], Twist::None), 1.2),
    (run("settings", Work::Job, &[("", "no-config")], Twist::None), 0.8),
    (run("cleanup", Work::Job, &[("", "evict-disk 18")], Twist::None), 1.8),
];
