from cryptography import x509

from localgke import tls


def test_the_server_certificate_is_for_the_loopback_address_and_signed_by_the_ca(tmp_path):
    tls.create(tmp_path)
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    server = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_the_private_key_is_readable_only_by_its_owner(tmp_path):
    tls.create(tmp_path)
    assert (tmp_path / "server.key").stat().st_mode & 0o077 == 0
