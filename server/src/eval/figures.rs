//! The figures of an evaluation: how good a list is, and how long it took. Pure.

use std::{collections::HashSet, fmt, time::Duration};

/// How deep a list is looked into for nDCG.
const DEPTH: usize = 10;

/// How good one kind of list is; sums while questions are added, means at the end. All between 0 and
/// 1, relevance is yes or no (Järvelin and Kekäläinen, <https://doi.org/10.1145/582415.582418>, for
/// nDCG).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Share of questions with a relevant document in the first place.
    pub hit1: f64,
    /// Share with one among the first five.
    pub hit5: f64,
    pub ndcg10: f64,
    /// Mean of one by the place of the first relevant document.
    pub mrr: f64,
    questions: u32,
}

impl Quality {
    /// Adds one question's list of documents, the best first; a document counts where it stands
    /// first.
    pub fn add<'a>(&mut self, ranking: impl Iterator<Item = &'a str>, relevant: &[String]) {
        let relevant: HashSet<&str> = relevant.iter().map(String::as_str).collect();
        let mut seen = HashSet::new();
        let mut gain = 0.0;
        let mut first = None;
        let ranking = ranking.filter(|document| seen.insert(*document));
        for (place, _) in ranking
            .enumerate()
            .filter(|(_, document)| relevant.contains(document))
        {
            first = first.or(Some(place));
            if place < DEPTH {
                gain += discount(place);
            }
        }
        let ideal: f64 = (0..relevant.len().min(DEPTH)).map(discount).sum();
        self.questions += 1;
        if ideal > 0.0 {
            self.ndcg10 += gain / ideal;
        }
        if let Some(place) = first {
            self.hit1 += f64::from(u8::from(place < 1));
            self.hit5 += f64::from(u8::from(place < 5));
            self.mrr += 1.0 / (place + 1) as f64;
        }
    }

    /// The means over all questions added.
    pub fn mean(self) -> Self {
        let questions = f64::from(self.questions.max(1));
        Self {
            hit1: self.hit1 / questions,
            hit5: self.hit5 / questions,
            ndcg10: self.ndcg10 / questions,
            mrr: self.mrr / questions,
            questions: self.questions,
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "hit1": rounded(self.hit1), "hit5": rounded(self.hit5),
            "ndcg10": rounded(self.ndcg10), "mrr": rounded(self.mrr),
        })
    }
}

/// What a place is worth, counted from 0.
fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

fn rounded(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}

/// How long questions took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// Of the very first, which has to read the library.
    pub first: f64,
    pub p50: f64,
    pub p99: f64,
    /// Of all cores together, the mean; 0 where the system does not say.
    pub cpu: f64,
}

impl Speed {
    /// Of the first question, and of all others with the processor time they took together.
    pub fn of(first: Duration, mut times: Vec<Duration>, cpu: Duration) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let last = times.len().saturating_sub(1) as f64;
            times
                .get((last * share).round() as usize)
                .map_or(0.0, millis)
        };
        Self {
            first: millis(&first),
            p50: at(0.5),
            p99: at(0.99),
            cpu: millis(&cpu) / times.len().max(1) as f64,
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"p50": rounded(self.p50), "p99": rounded(self.p99)})
    }
}

fn millis(time: &Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// All figures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// By words, by meaning, fused.
    pub quality: [Quality; 3],
    pub speed: Speed,
    /// Passages of a large library and the speed there.
    pub filler: Option<(usize, Speed)>,
}

impl Report {
    /// As a file for other programs; shares to four digits, times in milliseconds.
    pub fn json(&self) -> String {
        let [lexical, vector, fused] = self.quality;
        let mut json = serde_json::json!({
            "lexical": lexical.json(), "vector": vector.json(), "fused": fused.json(),
            "query_ms": self.speed.json(),
        });
        if let Some((passages, speed)) = self.filler {
            json["filler"] = serde_json::json!({"passages": passages, "query_ms": speed.json()});
        }
        format!("{json}\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "          hit@1   hit@5   nDCG@10 MRR")?;
        for (name, quality) in ["lexical", "vector", "fused"].into_iter().zip(self.quality) {
            let Quality {
                hit1,
                hit5,
                ndcg10,
                mrr,
                ..
            } = quality;
            writeln!(f, "{name:<8}  {hit1:.4}  {hit5:.4}  {ndcg10:.4}  {mrr:.4}")?;
        }
        let speed = |f: &mut fmt::Formatter<'_>, speed: &Speed| {
            write!(
                f,
                "p50 {:.2} ms, p99 {:.2} ms, {:.2} ms of processor time; the first {:.0} ms",
                speed.p50, speed.p99, speed.cpu, speed.first
            )
        };
        write!(f, "a question, embedded and searched: ")?;
        speed(f, &self.speed)?;
        if let Some((passages, its_speed)) = &self.filler {
            write!(f, "\nover {passages} made-up passages: ")?;
            speed(f, its_speed)?;
        }
        Ok(())
    }
}
