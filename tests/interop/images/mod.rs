//! Images with third-party programs: Debian's docker-registry, skopeo, umoci, buildah and mmdebstrap. What is missing is
//! installed with apt-get, as root.

mod registries;
mod rig;
mod sources;
