//! Whom we trust: the system's certificates, those built in, and those of one registry.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::base::{Context, Error, Result};

use super::settings::Settings;

/// Where distributions keep their bundle.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS as it is spoken to `host` (with its port, if it has one). There is no way to turn
/// verification off.
///
/// # Errors
/// A certificate of the user's cannot be read.
pub fn config(settings: &Settings, host: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(bundle) = BUNDLES.iter().find(|path| Path::new(path).exists()) {
        // The system's bundle may hold what we cannot read; that is not the user's mistake.
        roots.add_parsable_certificates(certificates(Path::new(bundle)).unwrap_or_default());
    }
    let own = own_files(settings, host)?;
    let extra = settings.extra_roots.iter().chain(&own.authorities);
    for path in extra {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unreadable(path, error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::other("cannot set up TLS").with_source(error))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = own.client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(&certificate)?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|error| unreadable(&key, error))?;
    builder.with_client_auth_cert(chain, secret).map_err(|error| unreadable(&certificate, error))
}

/// What `certs.d/HOST` holds (Docker: certificate authorities end in `.crt`, clients' own
/// certificates in `.cert` with a `.key` beside them).
#[derive(Default)]
struct OwnFiles {
    authorities: Vec<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

fn own_files(settings: &Settings, host: &str) -> Result<OwnFiles> {
    let mut own = OwnFiles::default();
    let dir = settings.certificates.join(host);
    let Ok(entries) = std::fs::read_dir(&dir) else { return Ok(own) };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => own.authorities.push(path),
            Some("cert") => {
                let key = path.with_extension("key");
                if !key.exists() {
                    return Err(Error::other(format!("{} has no key beside it", path.display())));
                }
                own.client = Some((path, key));
            }
            _ => {}
        }
    }
    Ok(own)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path).context(|| format!("cannot read {}", path.display()))?;
    let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    all.map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::other(format!("cannot use the certificate {}", path.display())).with_source(error)
}
