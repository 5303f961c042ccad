"""From the options of render-job to a manifest: the order in which the parts of rendering come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from identity import Run, identify
from manifest import Manifest, read_manifest, stamp, stamp_owned
from profiles import read_profile
from templating import Renderer, find_template
from values import read_values
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

    renderer = Renderer(file.parent, templates)

    def manifest(try_number: str) -> Manifest:
        facts = run.as_dict() | {"try_number": try_number}
        return read_manifest(read_documents(renderer.render(file.name, context | {"run": facts})), file.name)

    rendered = manifest(run.try_number)
    job = stamp(
        rendered.job,
        name=name,
        namespace=namespace,
        identity=identity,
        run=run,
        work=manifest("").hash,  # a template may tell the container which try it is; the work is the same
    )
    return "---\n".join(map(write_document, [job, *stamp_owned(rendered.owned, job)]))
