"""A catalog of any size in PostgreSQL, made by bulk SQL; the same rows every time, whatever the plan of the query.

Each column is a function of the row's number: a hash makes it look random, ``n ^ u`` makes it Zipf (the k-th base,
tag or word is taken about 1/k as often as the first). A card has 24 words of such a vocabulary and about 12 of 40
common words, each of which is in three cards of ten. One adapter in five was measured.
"""

from hashlib import md5

NAMESPACES_PER_THOUSAND = 50
PRIVATE_PERCENT = 8
MEMBERSHIPS_OF_THE_READER = 20
VOCABULARY, COMMON_WORDS, TAGS, BASES, SETS, SHAPES = 20_000, 40, 4000, 1500, 8, 400
_TAGS_FROM, _COMMON_FROM = 9000, 40_000

METHODS = "lora dora loha lokr ia3 vera oft boft adalora fourierft bone rslora"
LICENSES = (
    "Apache-2.0 MIT CC-BY-4.0 LicenseRef-Llama-3.1 LicenseRef-Gemma LicenseRef-OpenRAIL CC-BY-NC-4.0 BSD-3-Clause"
)
LANGUAGES = (
    "en de fr zh es ja pt ru it ko ar hi nl pl tr sv uk vi cs fa he el hu ro bg da fi nb sk hr sr sl lt lv et ca eu gl"
    " cy ga is mt sq mk bs ka hy az kk uz ky tg mn ne bn ta te ml kn mr gu pa ur si my km lo th id ms tl jv sw am yo ig"
    " ha zu xh af"
)
TASKS = (
    "text-generation text-classification token-classification question-answering summarization translation"
    " sts fill-mask sentence-embedding zero-shot-classification text-to-image image-captioning"
    " image-classification speech-recognition text-to-speech audio-classification object-detection"
    " image-segmentation visual-question-answering document-question-answering image-to-image text-to-video"
    " tabular-classification tabular-regression table-question-answering reranking depth-estimation"
    " image-feature-extraction image-segmentation video-classification text-to-audio audio-to-audio"
    " voice-activity-detection keypoint-detection reinforcement-learning robotics time-series-forecasting graph-ml"
    " text-to-image zero-shot-image-classification zero-shot-object-detection image-to-video"
    " image-text-to-text audio-text-to-text any-to-any"
)
ARCHITECTURES = "llama qwen2 mistral gemma2 bert roberta xlm-roberta t5 phi3 deepseek_v3 whisper vit"
_FILES = "adapter_model.safetensors adapter_config.json README.md"

_FUNCTIONS = """
CREATE OR REPLACE FUNCTION bench_unit(i bigint, salt bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT (hashint8extended(i, salt) & 9007199254740991)::float8 / 9007199254740992 $$;
CREATE OR REPLACE FUNCTION bench_zipf(i bigint, salt bigint, n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT floor(exp(bench_unit(i, salt) * ln(n + 1)))::int $$;
CREATE OR REPLACE FUNCTION bench_word(k int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT substr(translate(md5(k::text), '0123456789', 'ghijklmnop'), 1, 3 + k % 7) $$;
CREATE OR REPLACE FUNCTION bench_words(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT ' ' || translate(words, '-/.', '   ') || ' ' $$;
CREATE OR REPLACE FUNCTION bench_hex(i bigint, salt int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT md5(i || '/' || salt) || md5(salt || '-' || i) $$;
"""

_ACCOUNTS = """
INSERT INTO accounts_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
    date_joined)
  SELECT i, '!', false, 'user-' || i, '', '', '', false, true, '2026-01-01' FROM generate_series(1, :namespaces) i;
INSERT INTO accounts_namespace (id, name, folded, kind, display_name, is_review_required, created_at)
  SELECT i, 'team-' || i, 'team-' || i, 'organization', '', true, '2026-01-01' FROM generate_series(1, :namespaces) i;
INSERT INTO accounts_membership (namespace_id, user_id, role)
  SELECT i, i, 'owner' FROM generate_series(1, :namespaces) i
  UNION ALL SELECT i, 1, 'reader' FROM generate_series(2, :reader) i;
INSERT INTO bases_basemodel (id, name, folded, revision, state, architecture, model_type, license, weights,
    config_digest, shapes_digest, created_at)
  SELECT i, 'lab-' || i % 97 || '/base-' || i, 'lab-' || i % 97 || '/base-' || i, 'main', 'ready', 'Model',
    (:architectures)[1 + i % 12], 'apache-2.0', '', md5(i::text), md5(i::text), '2026-01-01'
  FROM generate_series(1, :bases) i;
INSERT INTO evaluations_evaluationset (id, name, folded, namespace_id, visibility, summary, created_at)
  SELECT i, 'exam-' || i, 'exam-' || i, i, 'public', '', '2026-01-01' FROM generate_series(1, :sets) i;
INSERT INTO fits_shapeset (digest, modules, "table", created_at)
  SELECT md5('shapes ' || k), 48, '{}', '2026-01-01' FROM generate_series(0, :shapes - 1) k;
INSERT INTO fits_basefit (shapes_id, base_id, verdict, checked, unmatched, base_digest)
  SELECT md5('shapes ' || i % :shapes), i, 'fits', 96, 0, md5(i::text) FROM generate_series(1, :bases) i;
"""

_ADAPTERS = """
CREATE TEMP TABLE bench_rows AS
  SELECT i, bench_zipf(i, 1, :namespaces) AS namespace, bench_zipf(i, 2, :bases) AS base,
    (:methods)[bench_zipf(i, 3, 12)] AS method, (ARRAY[1, 2, 4, 8, 16, 32, 64, 128, 256])[bench_zipf(i, 4, 9)] AS rank,
    (:tasks)[bench_zipf(i, 5, 45)] AS task, (:licenses)[bench_zipf(i, 6, 8)] AS license,
    (:languages)[bench_zipf(i, 7, 80)] AS language, bench_unit(i, 8) * 100 >= :private AS is_public,
    floor(exp(bench_unit(i, 9) * 40 - 26))::bigint % 5000000 AS downloads,
    CASE WHEN bench_unit(i, 18) < 0.2 THEN 0.5 + bench_unit(i, 20) / 2 END AS score,
    timestamptz '2024-01-01' + bench_unit(i, 10) * interval '1000 days' AS at,
    (1000000 * exp(bench_unit(i, 11) * 6))::bigint AS size,
    ARRAY[bench_word(9000 + bench_zipf(i, 12, :tags)), bench_word(14000 + bench_zipf(i, 13, :tags))] AS tags,
    bench_word(bench_zipf(i, 17, 3000)) || '-' || (:languages)[bench_zipf(i, 7, 80)] || '-' || i AS name,
    (SELECT string_agg(bench_word(bench_zipf(i * 64 + k, 14, :vocabulary)), ' ') FROM generate_series(1, 24) k)
      || ' ' || (SELECT coalesce(string_agg(bench_word(:common_from + k), ' '), '') FROM generate_series(1, :common) k
        WHERE bench_unit(i * 64 + k, 16) < 0.3) AS words
  FROM generate_series(1, :rows) i;
INSERT INTO adapters_adapter (id, namespace_id, name, folded, visibility, summary, default_version_id, created_at,
    updated_at)
  SELECT i, namespace, name, name, CASE WHEN is_public THEN 'public' ELSE 'private' END,
    left(words, 60), i, at, at FROM bench_rows;
INSERT INTO adapters_revision (id, adapter_id, commit_id, tree_id, message, author_id, state, created_at, published_at,
    size_bytes, claims, task, languages, license, tags, summary, card, facts, report, method, rank, base_model_id)
  SELECT i, i, left(bench_hex(i, 1), 40), left(bench_hex(i, 2), 40), 'first', namespace, 'published', at, at, size,
    '{}', task, jsonb_build_array(language), license, to_jsonb(tags), left(words, 60), words,
    jsonb_build_object('method', method, 'rank', rank), '{"findings": []}', method, rank, base FROM bench_rows;
INSERT INTO adapters_version (id, adapter_id, name, revision_id, state, yank_reason, published_at)
  SELECT i, i, '1.0.0', i, 'published', '', at FROM bench_rows;
INSERT INTO adapters_ref (adapter_id, name, revision_id) SELECT i, 'main', i FROM bench_rows;
"""

_FILE_ROWS = """
INSERT INTO adapters_blob (sha256, git_id, size_bytes, created_at)
  SELECT bench_hex(i, 10), left(bench_hex(i, 20), 40), size, at FROM bench_rows WHERE i <= :with_files
  UNION ALL SELECT bench_hex(i, 11), left(bench_hex(i, 21), 40), 700, '2026-01-01' FROM generate_series(1, 5000) i
  UNION ALL SELECT bench_hex(i, 12), left(bench_hex(i, 22), 40), length(words), at FROM bench_rows
    WHERE i <= :with_files;
INSERT INTO adapters_file (revision_id, path, blob_id)
  SELECT i, paths[k], CASE k WHEN 2 THEN bench_hex(bench_zipf(i, 15, 5000), 11) WHEN 1 THEN bench_hex(i, 10)
    ELSE bench_hex(i, 12) END
  FROM bench_rows, generate_series(1, 3) k, (SELECT :files AS paths) AS named
  WHERE i <= :with_files;
"""

_ENTRIES = """
INSERT INTO search_searchentry (id, adapter_id, revision_id, namespace_id, base_model_id, full_name, short_name,
    version, is_public, summary, architecture, method, rank, task, modality, languages, tags, license, size_bytes,
    shape_digest, best_score, gain, downloads, published_at)
  SELECT i, i, i, namespace, base, 'team-' || namespace || '/' || name, name,
    '1.0.0', is_public, left(words, 60), (:architectures)[1 + base % 12], method, rank, task, 'text',
    ' ' || language || ' ', ' ' || array_to_string(tags, ' ') || ' ', license, size,
    md5('shapes ' || base % :shapes), score, score - 0.5 - bench_unit(i, 19) / 5, downloads, at
  FROM bench_rows;
INSERT INTO search_entryscore (entry_id, evaluation_set_id, score, merit)
  SELECT i, 1 + i % :sets, score, score FROM bench_rows WHERE score IS NOT NULL;
INSERT INTO search_searchtext (entry_id, head, text, labels)
  SELECT i, bench_words('team-' || namespace || '/' || name || ' ' || task || ' ' || array_to_string(tags, ' ')),
    bench_words(language || ' ' || method || ' base ' || base || ' ' || words),
    ' base=' || base || ' architecture=' || (:architectures)[1 + base % 12] || ' method=' || method || ' task=' || task
      || ' license=' || lower(license) || ' namespace=' || namespace || ' modality=text rank=' || rank
      || ' #' || array_to_string(tags, ' #') || ' @' || language || ' '
  FROM bench_rows;
INSERT INTO search_downloadcount (adapter_id, day, count, carried)
  SELECT i, '2026-01-01', downloads, downloads FROM bench_rows WHERE downloads > 0;
DROP TABLE bench_rows;
"""

_SEQUENCES = """
SELECT setval(pg_get_serial_sequence('accounts_user', 'id'), 10 * :rows),
  setval(pg_get_serial_sequence('accounts_namespace', 'id'), 10 * :rows),
  setval(pg_get_serial_sequence('bases_basemodel', 'id'), 10 * :rows),
  setval(pg_get_serial_sequence('adapters_adapter', 'id'), 10 * :rows),
  setval(pg_get_serial_sequence('adapters_revision', 'id'), 10 * :rows),
  setval(pg_get_serial_sequence('adapters_version', 'id'), 10 * :rows),
  setval(pg_get_serial_sequence('search_searchentry', 'id'), 10 * :rows);
"""


def filling(rows: int, *, with_files: int | None = None) -> str:
    """The SQL that fills a freshly migrated database with ``rows`` adapters; for one session of the superuser.

    The first ``with_files`` of them (None: all) have rows of files.
    """
    namespaces = max(rows * NAMESPACES_PER_THOUSAND // 1000, MEMBERSHIPS_OF_THE_READER)
    values = {
        ":namespaces": str(namespaces),
        ":reader": str(MEMBERSHIPS_OF_THE_READER),
        ":rows": str(rows),
        ":with_files": str(rows if with_files is None else with_files),
        ":private": str(PRIVATE_PERCENT),
        ":vocabulary": str(VOCABULARY),
        ":common_from": str(_COMMON_FROM),
        ":common": str(COMMON_WORDS),
        ":bases": str(BASES),
        ":tags": str(TAGS),
        ":sets": str(SETS),
        ":shapes": str(SHAPES),
        ":methods": _array(METHODS),
        ":licenses": _array(LICENSES),
        ":languages": _array(LANGUAGES),
        ":tasks": _array(TASKS),
        ":architectures": _array(ARCHITECTURES),
        ":files": _array(_FILES),
    }
    # The rows are right by construction: the triggers of foreign keys would take as long as the rows themselves.
    settings = "SET session_replication_role = replica; SET work_mem = '256MB';"
    return _filled("".join([settings, _FUNCTIONS, _ACCOUNTS, _ADAPTERS, _FILE_ROWS, _ENTRIES, _SEQUENCES]), values)


def word(number: int) -> str:
    """The word of that rank, as ``bench_word`` of the database spells it."""
    letters = md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return letters.translate(str.maketrans("0123456789", "ghijklmnop"))[: 3 + number % 7]


def common_word(number: int) -> str:
    """A word of three cards in ten; ``number`` is 1 to ``COMMON_WORDS``."""
    return word(_COMMON_FROM + number)


def tag(number: int) -> str:
    """A tag; the k-th is about 1/k as frequent as the first."""
    return word(_TAGS_FROM + number)


def base(number: int) -> str:
    """The id of a base model."""
    return f"lab-{number % 97}/base-{number}"


def _filled(sql: str, values: dict[str, str]) -> str:
    for name in sorted(values, key=len, reverse=True):
        sql = sql.replace(name, values[name])
    return sql


def _array(words: str) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words.split()) + "]"
