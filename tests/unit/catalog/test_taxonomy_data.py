"""The data files of the taxonomy: nothing dangles, and one thing has one id whatever people call it."""

from collections import defaultdict

import pytest

from catalog.errors import NotFound
from catalog.taxonomy.domains import all_domains, all_modalities, cautions_of, domains_of, find_domain, modalities_of
from catalog.taxonomy.languages import all_languages, find_language, language_name, language_tag, own_name
from catalog.taxonomy.licenses import all_terms, license_label, spdx_expression
from catalog.taxonomy.methods import FAMILIES, all_methods, find_method, method_label
from catalog.taxonomy.tables import plain_word
from catalog.taxonomy.tasks import all_tasks, canonical_task, find_task, get_task, path_of, with_kinds
from kernels.methods import methods

# What a Hugging Face card may say under `license:`.
HUGGING_FACE_LICENCES = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m afl-3.0
artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0
cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl
lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0
openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2 llama3 llama3.1
llama3.2 llama3.3 llama4 grok2-community gemma fair-noncommercial-research-license unknown other
""".split()  # noqa: SIM905
# What a Hugging Face card may say under `pipeline_tag:`.
PIPELINE_TAGS = """
audio-classification audio-to-audio automatic-speech-recognition any-to-any depth-estimation document-question-answering
feature-extraction fill-mask graph-ml image-classification image-feature-extraction image-segmentation
image-text-to-text image-to-3d image-to-image image-to-text image-to-video keypoint-detection mask-generation
object-detection
question-answering reinforcement-learning robotics sentence-similarity summarization table-question-answering
tabular-classification tabular-regression text-classification text-generation text-ranking text-to-3d text-to-audio
text-to-image text-to-speech text-to-video time-series-forecasting token-classification translation
unconditional-image-generation video-classification video-text-to-text visual-question-answering
voice-activity-detection zero-shot-classification zero-shot-image-classification
""".split()  # noqa: SIM905
PEFT_TASK_TYPES = ["SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION"]


def test_a_task_names_only_parents_domains_and_modalities_that_there_are():
    ids = {task.id for task in all_tasks()}
    domains, modalities = {row.id for row in all_domains()}, {row.id for row in all_modalities()}
    dangling = [
        task.id
        for task in all_tasks()
        if (task.parent and task.parent not in ids)
        or not set(task.domains) <= domains
        or not set(task.inputs + task.outputs) <= modalities
    ]
    assert not dangling
    assert all(path_of(task)[-1] is task for task in all_tasks()), "no task is its own ancestor"


@pytest.mark.parametrize("rows", [all_tasks, all_domains], ids=["tasks", "domains"])
def test_a_word_means_one_thing(rows):
    meant = defaultdict(set)
    for row in rows():
        for word in (row.id, row.label, *row.aliases):
            meant[plain_word(word)].add(row.id)
    assert not {word: ids for word, ids in meant.items() if len(ids) > 1}


@pytest.mark.parametrize("word", [*PIPELINE_TAGS, *PEFT_TASK_TYPES])
def test_what_other_hubs_and_peft_call_a_task_is_known(word):
    assert find_task(word) is not None


@pytest.mark.parametrize(
    ("said", "task"),
    [
        ("Named Entity Recognition\n", "ner"),
        ('text-classification"', "text-classification"),
        ("formality_classify", "formality"),
        ("sentiment-analysis", "sentiment"),
        ("SEQ_CLS", "text-classification"),
        ("my own task", "my own task"),
    ],
)
def test_a_task_has_one_id_whatever_it_is_called(said, task):
    assert canonical_task(said) == task


def test_a_broad_task_is_found_with_its_kinds():
    assert with_kinds("token-classification")[0] == "token-classification"
    assert {"ner", "biomedical-ner", "pos"} <= set(with_kinds("token-classification"))
    assert with_kinds("biomedical-ner") == ("biomedical-ner",)
    assert with_kinds("unheard-of") == ("unheard-of",)


def test_an_unknown_task_is_not_found():
    with pytest.raises(NotFound) as refused:
        get_task("unheard-of")
    assert refused.value.code == "task_not_found"


def test_a_task_and_its_tags_say_domain_modality_and_what_to_beware_of():
    assert domains_of("ner", ["medical"]) == ("biomedical",)
    assert domains_of("biomedical-ner", []) == ("biomedical",)
    assert domains_of("unheard-of", ["court-decisions", "nothing"]) == ("legal",)
    assert modalities_of("visual-question-answering") == ("image", "text")
    assert modalities_of("unheard-of") == ()
    assert cautions_of("face-recognition", []) == ("biometric",)
    assert cautions_of("text-to-speech", []) == ("voice",)
    assert cautions_of("image-classification", ["deepfake"]) == ("biometric",)
    assert cautions_of("ner", ["legal"]) == ()
    assert find_domain("Satellite imagery").id == "remote-sensing"


@pytest.mark.parametrize("licence", HUGGING_FACE_LICENCES)
def test_every_licence_of_hugging_face_is_an_spdx_expression(licence):
    expression = spdx_expression(licence)
    assert spdx_expression(expression) == expression


def test_the_terms_are_those_of_licences_that_there_are():
    assert [row.id for row in all_terms()] == [spdx_expression(row.id) for row in all_terms()]
    assert license_label("LicenseRef-Llama-3.1") == "Llama 3.1"
    assert license_label("CC-BY-NC-4.0") == "CC BY-NC 4.0"
    assert license_label("EPL-2.0") == "EPL-2.0"


def test_every_language_here_is_a_tag_in_its_usual_form():
    assert [tag for tag in all_languages() if language_tag(tag) != tag] == []


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("German", "de"),
        ("Deutsch", "de"),
        ("zh_yue", "yue"),
        ("pt_BR", "pt-BR"),
        ("Min Dong", "cdo"),
        ("xmf", "xmf"),
        ("gyafc", ""),
        ("", ""),
        ("<script>", ""),
        ("\0", ""),
    ],
)
def test_a_language_is_found_by_tag_and_by_name(said, tag):
    assert find_language(said) == tag


def test_languages_have_names():
    assert (language_name("de-CH"), language_name("zh-Hans"), language_name("qzz")) == (
        "German (Switzerland)",
        "Chinese (Simplified)",
        "qzz",
    )
    assert (own_name("de"), own_name("qzz")) == ("Deutsch", "")


def test_every_method_of_the_recogniser_has_a_name_and_a_sentence():
    assert {row.id for row in all_methods()} == {row.id for row in methods()}
    assert all(row.label and row.about for row in all_methods())
    assert set(FAMILIES) >= {row.family for row in all_methods()}


@pytest.mark.parametrize(
    ("said", "method"),
    [("LORA", "lora"), ("pfeiffer+inv", "bottleneck-pfeiffer-inv"), ("Houlsby", "bottleneck-houlsby"), ("IA3", "ia3")],
)
def test_a_method_is_found_by_its_names(said, method):
    assert find_method(said).id == method


def test_an_unknown_method_keeps_its_name():
    assert (find_method("lohfink-rossi-leaveout"), method_label("of-tomorrow")) == (None, "of-tomorrow")
