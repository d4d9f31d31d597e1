//! How a connection to the server is encrypted, and what of the server is proven.
//!
//! Owns the meaning of `sslmode`. It refuses `verify-ca`, whose certificate may be anybody's, and an authority file that
//! holds none. Without verification (`prefer`, `require`) nobody can listen, but somebody can pretend to be the server: only
//! `verify-full` is for a network that is not one's own.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// What is asked of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Plain.
    Disable,
    /// Encrypted when the server can.
    Prefer,
    /// Encrypted.
    Require,
    /// Encrypted, by a server whose certificate is of a trusted authority and bears the host's name.
    VerifyFull,
}

impl Mode {
    pub fn parse(word: &str) -> Result<Self, StoreError> {
        match word {
            "disable" => Ok(Mode::Disable),
            "prefer" => Ok(Mode::Prefer),
            "require" => Ok(Mode::Require),
            "verify-full" => Ok(Mode::VerifyFull),
            _ => Err(StoreError::Address("sslmode is disable, prefer, require or verify-full".to_owned())),
        }
    }
}

/// What makes encrypted connections. An authority file is looked at by every mode that verifies, and refused by the others.
pub(super) fn connector(mode: Mode, authorities: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| StoreError::Address(error.to_string()))?;
    let config = match (mode, authorities) {
        (Mode::VerifyFull, authorities) => builder.with_root_certificates(roots(authorities)?),
        (_, Some(_)) => return Err(StoreError::Address("sslrootcert goes with sslmode=verify-full, and only with it".to_owned())),
        (_, None) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider))),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    let (added, place) = match authorities {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let read = read.map_err(|error| StoreError::Address(format!("sslrootcert {}: {error}", path.display())))?;
            (roots.add_parsable_certificates(read).0, path.display().to_string())
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            (roots.add_parsable_certificates(found.certs).0, "the system".to_owned())
        }
    };
    if added == 0 {
        return Err(StoreError::Address(format!("{place} holds no certificate of an authority")));
    }
    Ok(roots)
}

/// Takes any certificate; the handshake still proves that the other side holds its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
