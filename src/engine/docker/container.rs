//! A spec as the engine's own request, and how a container really was.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigLogConfig,
};

use super::{OWNER_LABEL, refusal};
use crate::engine::{EngineFailure, Locations, Observed};
use crate::recipe::{BuildSpec, WORK_AT};

/// What a build's `/tmp` may hold.
const TMP_BYTES: u64 = 256 << 20;

/// Writes a spec as the engine's own request.
pub(super) fn container(
    spec: &BuildSpec,
    locations: &Locations,
    cpu: u32,
    owner: &str,
    machine_cpus: u32,
) -> Result<ContainerCreateBody, EngineFailure> {
    let mut binds = Vec::new();
    for input in &spec.inputs {
        let from = locations
            .get(&input.tree)
            .and_then(|path| path.to_str())
            .ok_or_else(|| refusal(format!("the tree {} is not in the store", input.tree)))?;
        if from.contains(':') || input.at.contains(':') {
            return Err(refusal(format!(
                "`{from}` cannot be mounted at `{}`: one of them has a colon",
                input.at
            )));
        }
        binds.push(format!("{from}:{}:ro", input.at));
    }
    let work = format!(
        "rw,exec,nosuid,nodev,size={},uid={},gid={},mode=0755",
        spec.limits.disk_bytes, spec.user, spec.group
    );
    let tmp = format!("rw,exec,nosuid,nodev,size={TMP_BYTES},mode=1777");
    let cpuset = match spec.cpus {
        0 => format!("0-{}", machine_cpus.saturating_sub(1)),
        count => {
            let first = cpu % machine_cpus.max(1);
            let last = (first + count - 1).min(machine_cpus.saturating_sub(1));
            format!("{first}-{last}")
        }
    };
    let memory = i64::try_from(spec.limits.memory_bytes).unwrap_or(i64::MAX);
    Ok(ContainerCreateBody {
        image: Some(spec.image.to_string()),
        hostname: Some(spec.host_name.clone()),
        domainname: Some(spec.domain_name.clone()),
        user: Some(format!("{}:{}", spec.user, spec.group)),
        env: Some(
            spec.environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        entrypoint: Some(Vec::new()),
        cmd: Some(spec.command.clone()),
        working_dir: Some("/".to_owned()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        labels: Some(HashMap::from([(OWNER_LABEL.to_owned(), owner.to_owned())])),
        host_config: Some(HostConfig {
            binds: Some(binds),
            tmpfs: Some(HashMap::from([
                (WORK_AT.to_owned(), work),
                ("/tmp".to_owned(), tmp),
            ])),
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            memory: Some(memory),
            memory_swap: Some(memory),
            pids_limit: Some(i64::from(spec.limits.processes)),
            cpuset_cpus: Some(cpuset),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    })
}

/// Reads back how a container was.
pub(super) fn observe(inspected: &ContainerInspectResponse) -> Observed {
    let config = inspected.config.clone().unwrap_or_default();
    let host = inspected.host_config.clone().unwrap_or_default();
    let mounts = inspected.mounts.clone().unwrap_or_default();
    let user = config.user.unwrap_or_default();
    let uid = user.split(':').next().unwrap_or_default();
    Observed {
        image: inspected.image.as_ref().and_then(|id| id.parse().ok()),
        no_network: host.network_mode.as_deref() == Some("none"),
        read_only_root: host.readonly_rootfs == Some(true),
        read_only_inputs: !mounts.is_empty() && mounts.iter().all(|mount| mount.rw == Some(false)),
        unprivileged: host.privileged == Some(false)
            && host.cap_add.unwrap_or_default().is_empty()
            && host.cap_drop.as_deref() == Some(&["ALL".to_owned()])
            && uid.parse::<u32>().is_ok_and(|uid| uid != 0),
        no_new_privileges: host
            .security_opt
            .unwrap_or_default()
            .iter()
            .any(|option| option == "no-new-privileges"),
        user,
        host_name: config.hostname.unwrap_or_default(),
        cpus: host.cpuset_cpus.unwrap_or_default(),
    }
}
