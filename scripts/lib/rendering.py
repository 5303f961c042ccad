"""From the options of render-job to a manifest: the order in which the parts of rendering come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from identity import Run, identify
from manifest import one_job, spec_hash, stamp
from profiles import read_profile
from templating import Renderer, find_template
from values import Json, read_values
from yaml_document import read_documents, write_document


def render(
    *,
    template: str,
    values: str | None,
    profile: str | None,
    name: str | None,
    namespace: str | None,
    templates: Path,
    environ: Mapping[str, str],
) -> str:
    """Render the manifest that the options of render-job ask for, as YAML text.

    `templates` is the directory of templates and profiles; `environ` says whom the Job belongs to and may hold the
    values. RenderError when there is no such manifest.
    """
    file = find_template(template, templates)
    run = Run.from_environment(environ)
    identity = identify(run, work=name or file.name.partition(".")[0], environ=environ)
    name = identity.name if name is None else name
    context = {
        "values": read_values(values, environ),
        "profile": {} if profile is None else read_profile(templates / "profiles.yaml", profile),
        "job": {"name": name},
    }

    def job(try_number: str) -> dict[str, Json]:
        facts = run.as_dict() | {"try_number": try_number}
        rendered = Renderer(file.parent, templates).render(file.name, context | {"run": facts})
        return one_job(read_documents(rendered), file.name)

    stamped = stamp(
        job(run.try_number),
        name=name,
        namespace=namespace,
        identity=identity,
        run=run,
        work=spec_hash(job("")),  # a template may tell the container which try it is; the work is the same
    )
    return write_document(stamped)
