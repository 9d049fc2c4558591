//! Where a record was read, and what the path of a container's log says about who wrote it.
//!
//! Kubernetes and docker put namespace, pod and container into the paths of their logs. Whoever may start containers
//! chooses these names, and a file of any name may lie in a directory that is read: only a path of exactly the known
//! form is believed, and only names that Kubernetes and docker allow, so that all of them fit a label. Nothing here
//! decides anything: an overlay has to say what a name means.

/// Where a record comes from, as far as an operator may map it to a provider or tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub path: Option<String>,
    pub topic: Option<String>,
    /// Of a Kubernetes pod.
    pub namespace: Option<String>,
    pub pod: Option<String>,
    /// The name; that of a docker container does not stand in the path.
    pub container: Option<String>,
    /// 64 hexadecimal digits.
    pub container_id: Option<String>,
}

/// Where a node's logs are, also when its root is mounted below one directory (`/host/var/log/pods`).
const PODS: &str = "/var/log/pods/";
const CONTAINERS: &str = "/var/log/containers/";
/// What docker has in its data root, wherever that is.
const DOCKER: &str = "/containers/";
const DOCKER_LOG: &str = "-json.log";
const DOCKER_NAME_BYTES_MAX: usize = 253;

impl Origin {
    /// Of a file; `path` is the whole one, from the root.
    pub fn of_file(path: String) -> Origin {
        let read = pod_log(&path).or_else(|| container_link(&path)).or_else(|| docker_log(&path));
        Origin { path: Some(path), ..read.unwrap_or_default() }
    }

    /// Whether the name of the container has to be looked up elsewhere.
    pub fn wants_container_name(&self) -> bool {
        self.container_id.is_some() && self.container.is_none()
    }

    /// Takes the name that docker gave the container, if it is one.
    pub fn name_container(&mut self, name: &str) {
        let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= DOCKER_NAME_BYTES_MAX
            && name.bytes().all(is_good);
        self.container = is_name.then(|| name.to_owned());
    }
}

/// `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log`
fn pod_log(path: &str) -> Option<Origin> {
    let mut parts = below_root(path, PODS)?.split('/');
    let (pod, container, file) = (parts.next()?, parts.next()?, parts.next()?);
    let (restarts, _) = before_end(file, ".log")?;
    let is_number = (1..=10).contains(&restarts.len()) && restarts.bytes().all(|b| b.is_ascii_digit());
    let mut names = pod.split('_');
    let (namespace, pod, uid) = (names.next()?, names.next()?, names.next()?);
    let is_whole = parts.next().is_none() && names.next().is_none() && is_number && is_uid(uid);
    (is_whole && is_label(namespace) && is_pod(pod) && is_label(container)).then(|| Origin {
        namespace: Some(namespace.to_owned()),
        pod: Some(pod.to_owned()),
        container: Some(container.to_owned()),
        ..Origin::default()
    })
}

/// `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`, a link to the log of the pod.
fn container_link(path: &str) -> Option<Origin> {
    let file = below_root(path, CONTAINERS)?;
    let mut names = before_end(file, ".log")?.0.split('_');
    let (pod, namespace, last) = (names.next()?, names.next()?, names.next()?);
    let (container, id) = last.rsplit_once('-')?;
    let is_whole = names.next().is_none() && is_id(id);
    (is_whole && is_label(namespace) && is_pod(pod) && is_label(container)).then(|| Origin {
        namespace: Some(namespace.to_owned()),
        pod: Some(pod.to_owned()),
        container: Some(container.to_owned()),
        container_id: Some(id.to_owned()),
        ..Origin::default()
    })
}

/// `<data root>/containers/<id>/<id>-json.log`
fn docker_log(path: &str) -> Option<Origin> {
    let (directory, file) = path.rsplit_once('/')?;
    let (id, _) = before_end(file, DOCKER_LOG)?;
    let parent = directory.strip_suffix(id)?;
    (is_id(id) && parent.ends_with(DOCKER))
        .then(|| Origin { container_id: Some(id.to_owned()), ..Origin::default() })
}

/// What follows `root`, which is at the very beginning or in one directory there. Deeper down anybody may have made it:
/// a pod in a volume of its own.
fn below_root<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    path.strip_prefix(root).or_else(|| {
        let (_, rest) = path.strip_prefix('/')?.split_at_checked(path[1..].find('/')?)?;
        rest.strip_prefix(root)
    })
}

/// The name before an ending; a rotated file has more behind it (`0.log.20261120-101010.gz`, `-json.log.1`).
fn before_end<'p>(file: &'p str, end: &str) -> Option<(&'p str, &'p str)> {
    let (before, after) = file.split_once(end)?;
    (after.is_empty() || after.starts_with('.')).then_some((before, after))
}

/// A label of RFC 1123, as namespaces and containers are named.
fn is_label(name: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(is_good)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Labels with dots between them.
fn is_pod(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A UUID, or the hash that a static pod has instead.
fn is_uid(uid: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    let uuid = || uid.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && uid.split('-').all(is_hex);
    uid.len() == 32 && is_hex(uid) || uuid()
}

fn is_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UID: &str = "0f6bd0e5-6b9d-4dfb-a5b0-6d8a3f7b7c11";
    const ID: &str = "4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a";

    /// `namespace pod container id`, `-` for what is open; the id as its first letters.
    fn read(path: &str) -> String {
        let origin = Origin::of_file(path.to_owned());
        assert_eq!(origin.path.as_deref(), Some(path));
        let id = origin.container_id.map(|id| id[..4].to_owned());
        let parts = [origin.namespace, origin.pod, origin.container, id];
        parts.map(|part| part.unwrap_or_else(|| "-".to_owned())).join(" ")
    }

    #[test]
    fn logs_of_containers_say_who_wrote_them() {
        let hash = "f".repeat(32);
        for (path, who) in [
            (format!("/var/log/pods/drm_edge-7d9f-x2_{UID}/proxy/0.log"), "drm edge-7d9f-x2 proxy -"),
            (format!("/var/log/pods/drm_edge_{UID}/proxy/12.log.20261120-101010"), "drm edge proxy -"),
            (format!("/var/log/pods/drm_edge_{UID}/proxy/0.log.20261120-101010.gz"), "drm edge proxy -"),
            (format!("/host/var/log/pods/drm_a.b.c_{UID}/p-1/0.log"), "drm a.b.c p-1 -"),
            (format!("/var/log/pods/kube-system_etcd-n1_{hash}/etcd/3.log"), "kube-system etcd-n1 etcd -"),
            (format!("/var/log/containers/edge-7d9f_drm_proxy-{ID}.log"), "drm edge-7d9f proxy 4f66"),
            (format!("/rootfs/var/log/containers/edge_drm_a-b-c-{ID}.log"), "drm edge a-b-c 4f66"),
            (format!("/var/lib/docker/containers/{ID}/{ID}-json.log"), "- - - 4f66"),
            (format!("/var/lib/docker/containers/{ID}/{ID}-json.log.2.gz"), "- - - 4f66"),
            (format!("/home/eve/.local/share/docker/containers/{ID}/{ID}-json.log"), "- - - 4f66"),
            (format!("/mnt/data/d/containers/{ID}/{ID}-json.log"), "- - - 4f66"),
        ] {
            assert_eq!(read(&path), who, "{path}");
        }
    }

    #[test]
    fn a_path_of_any_other_form_says_nothing() {
        let (long, other) = ("n".repeat(64), "5".repeat(64));
        for path in [
            "/var/log/app.log".to_owned(),
            String::new(),
            "/".to_owned(),
            "é/var/log/pods/".to_owned(),
            // Of a pod that writes into a volume of its own, and of somebody with a home.
            format!("/var/lib/kubelet/pods/{UID}/volumes/v/logs/var/log/pods/drm_edge_{UID}/proxy/0.log"),
            format!("/home/eve/var/log/pods/drm_edge_{UID}/proxy/0.log"),
            format!("/home/eve/var/log/containers/edge_drm_proxy-{ID}.log"),
            format!("/var/log/pods/x/../drm_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/drm_edge_{UID}/proxy/deep/0.log"),
            format!("/var/log/pods/drm_edge_{UID}/0.log"),
            format!("/var/log/pods/drm_edge_{UID}/proxy/access.log"),
            format!("/var/log/pods/drm_edge_{UID}/proxy/0.logs"),
            format!("/var/log/pods/drm_edge_{UID}/proxy/.log"),
            format!("/var/log/pods/drm_edge_{UID}_x/proxy/0.log"),
            "/var/log/pods/drm_edge_1/proxy/0.log".to_owned(),
            format!("/var/log/pods/_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/DRM_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/-drm_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/drm\n_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/d\"rm_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/drm_edge..x_{UID}/proxy/0.log"),
            format!("/var/log/pods/dr\u{fffd}m_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/{long}_edge_{UID}/proxy/0.log"),
            format!("/var/log/pods/drm_edge_{UID}/{long}/0.log"),
            format!("/var/log/containers/edge_drm_proxy-{}.log", &ID[1..]),
            format!("/var/log/containers/edge_drm_-{ID}.log"),
            format!("/var/log/containers/edge_drm-{ID}.log"),
            format!("/var/lib/docker/containers/{other}/{ID}-json.log"),
            format!("/var/lib/docker/containers/{ID}/{ID}.log"),
            format!("/var/lib/docker/{ID}/{ID}-json.log"),
        ] {
            assert_eq!(read(&path), "- - - -", "{path}");
        }
    }

    #[test]
    fn docker_names_only_what_docker_may_have_named() {
        let mut origin = Origin::of_file(format!("/d/containers/{ID}/{ID}-json.log"));
        assert!(origin.wants_container_name());
        for bad in ["", "-a", "a b", "a\n", "a\"", "é", "/a", &"a".repeat(254)] {
            origin.name_container(bad);
            assert_eq!(origin.container, None, "{bad:?}");
        }
        origin.name_container("drm_edge.1-a");
        assert_eq!(origin.container.as_deref(), Some("drm_edge.1-a"));
        assert!(!origin.wants_container_name());
    }

    proptest! {
        #[test]
        fn whatever_is_read_from_a_path_fits_a_label(
            root in "/(x/)?var/log/(pods|containers)/",
            parts in prop::collection::vec(("[a-zA-Z0-9._é\n\"-]{0,70}", "[/_]|-4f66|"), 0..6),
        ) {
            let rest: String = parts.into_iter().map(|(name, joint)| name + &joint).collect();
            let tails = [String::new(), format!("_{UID}/c/0.log"), format!("-{ID}.log")];
            for tail in tails {
                let origin = Origin::of_file(format!("{root}{rest}{tail}"));
                for part in [origin.namespace, origin.pod, origin.container].into_iter().flatten() {
                    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
                    prop_assert!(part.len() <= 253 && part.bytes().all(good), "{part:?}");
                }
            }
        }
    }
}
