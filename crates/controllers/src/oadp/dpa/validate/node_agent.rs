//! Node agents: nodes that are named in two places must be the same, and amounts must be amounts.

use api::oadp::{LoadAffinity, NodeAgentConfig, PodResources};

use super::{Review, problems, values};

pub(super) fn check(review: &mut Review<'_>) {
    let configuration = &review.found.application.spec.configuration;
    for (name, maintenance) in &configuration.repository_maintenance {
        let at = format!("configuration.repositoryMaintenance.{name}.podResources");
        amounts(review, &at, maintenance.pod_resources.as_ref());
    }
    let Some(agent) = &configuration.node_agent else { return };
    selectors(review, agent);
    values::pod(review, "configuration.nodeAgent.podConfig", agent.pod_config.as_ref());
    amounts(review, "configuration.nodeAgent.podResources", agent.pod_resources.as_ref());
    values::duration(review, "configuration.nodeAgent.timeout", &agent.timeout);
    let prepare = agent.data_mover_prepare_timeout.as_deref().unwrap_or_default();
    values::duration(review, "configuration.nodeAgent.dataMoverPrepareTimeout", prepare);
    let resource = agent.resource_timeout.as_deref().unwrap_or_default();
    values::duration(review, "configuration.nodeAgent.resourceTimeout", resource);
}

fn selectors(review: &mut Review<'_>, agent: &NodeAgentConfig) {
    let Some(pod) = agent.pod_config.as_ref().filter(|pod| !pod.node_selector.is_empty()) else { return };
    let code = &problems::NODE_AGENT;
    let [LoadAffinity { node_selector }] = agent.load_affinity.as_slice() else {
        let many = agent.load_affinity.len() > 1;
        review.refuse_if(many, code, "podConfig.nodeSelector allows one entry of loadAffinity only");
        return;
    };
    let expressions = node_selector.match_expressions.as_ref().is_some_and(|list| !list.is_empty());
    review.refuse_if(
        expressions,
        code,
        "podConfig.nodeSelector does not allow matchExpressions in loadAffinity, as it cannot say the same",
    );
    let labels = node_selector.match_labels.clone().unwrap_or_default();
    if labels.is_empty() {
        review.refuse(code, "podConfig.nodeSelector needs matchLabels in loadAffinity");
        return;
    }
    let apart = pod.node_selector.iter().any(|(key, value)| labels.get(key) != Some(value));
    review.refuse_if(apart, code, "podConfig.nodeSelector has labels that loadAffinity has not");
}

fn amounts(review: &mut Review<'_>, at: &str, resources: Option<&PodResources>) {
    let Some(PodResources { cpu_limit, cpu_request, memory_limit, memory_request }) = resources else {
        return;
    };
    let fields = [
        ("cpuLimit", cpu_limit),
        ("cpuRequest", cpu_request),
        ("memoryLimit", memory_limit),
        ("memoryRequest", memory_request),
    ];
    for (field, amount) in fields {
        values::amount(review, &format!("{at}.{field}"), amount);
    }
}
