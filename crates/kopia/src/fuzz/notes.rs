//! Small notes: marks of sessions and their names, and the record of maintenance.

use super::{Target, of};
use crate::content::session::{Marker, SessionId};
use crate::maintenance::{Parameters, Schedule};

pub(super) const TARGET: Target = Target { name: "notes", samples, read };

const SAMPLES: [&str; 4] = [
    r#"{"id":"s516db94f7dbfa27c147","startTime":"2026-11-20T23:36:06.3Z","checkpointTime":"2026-11-20T23:36:06Z","username":"u","hostname":"h"}"#,
    r#"{"nextFullMaintenance":"2026-11-21T23:36:06Z","nextQuickMaintenance":"2026-11-21T00:36:06Z","runs":{"snapshot-gc":[
        {"start":"2026-11-20T23:36:06Z","end":"2026-11-20T23:36:07Z","success":true,"extra":[{"kind":"k","data":{"a":1.5}}]},
        {"start":"2026-11-20T23:36:06Z","end":"2026-11-20T23:36:07Z","error":"no"}]},"later":{}}"#,
    r#"{"owner":"u@h","quick":{"enabled":true,"interval":3600000000000},"full":{"enabled":true,"interval":86400000000000},
        "logRetention":{"maxTotalSize":1073741824,"maxCount":10000,"maxAge":2592000000000000},"extendObjectLocks":false,"listParallelism":0}"#,
    "s516db94f7dbfa27c147",
];

fn samples() -> Vec<Vec<u8>> {
    SAMPLES.map(|sample| sample.as_bytes().to_vec()).into()
}

fn read(bytes: &[u8]) -> bool {
    let name = str::from_utf8(bytes).ok().and_then(|text| text.parse::<SessionId>().ok());
    if let Some(name) = &name {
        assert_eq!(name.to_string().as_bytes(), bytes);
    }
    let schedule = of("kopia.maintenance", Schedule::parse(bytes));
    if let Some(schedule) = &schedule {
        let written = serde_json::to_vec(schedule).unwrap_or_default();
        assert_eq!(of("kopia.maintenance", Schedule::parse(&written)).as_ref(), Some(schedule));
    }
    let marker = serde_json::from_slice::<Marker>(bytes).ok();
    if let Some(marker) = &marker {
        let written = serde_json::to_vec(marker).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Marker>(&written).ok().as_ref(), Some(marker));
    }
    let parameters = serde_json::from_slice::<Parameters>(bytes).is_ok();
    name.is_some() || schedule.is_some() || marker.is_some() || parameters
}
