/* SPDX-License-Identifier: MIT */
/* The tables, indexes and views of a run as a SQLite database. */
#include "export/sqlite_tables.h"

const at_table at_sqlite_tables[AT_N_TABLES] = {
    [AT_META] = {"meta", 2, "key TEXT PRIMARY KEY, value TEXT NOT NULL", false},
    [AT_RUNS] = {"runs", 20,
                 "run INTEGER PRIMARY KEY, n_queries INTEGER NOT NULL,"
                 "n_documents INTEGER NOT NULL, n_modules INTEGER NOT NULL,"
                 "n_tokens INTEGER NOT NULL, normalize TEXT NOT NULL,"
                 "query_rank INTEGER NOT NULL, precision TEXT NOT NULL,"
                 "n_rescored INTEGER NOT NULL, n_open INTEGER NOT NULL,"
                 "largest_error REAL NOT NULL, largest_bound REAL NOT NULL,"
                 "assumed_error REAL NOT NULL, tracked_share REAL NOT NULL,"
                 "aggregate TEXT, model_hash TEXT, corpus_hash TEXT, factors_hash TEXT,"
                 "corpus_date TEXT, command TEXT",
                 true},
    [AT_SETTINGS] = {"settings", 7,
                     "setting INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs,"
                     "setting_name TEXT NOT NULL, strategy TEXT NOT NULL, damping REAL,"
                     "is_damping_absolute INTEGER NOT NULL, meaning TEXT NOT NULL",
                     true},
    [AT_QUERIES] = {"queries", 8,
                    "query INTEGER PRIMARY KEY, query_id TEXT NOT NULL, prompt TEXT,"
                    "completion TEXT, is_generated INTEGER NOT NULL,"
                    "is_cut INTEGER NOT NULL, is_turn INTEGER NOT NULL,"
                    "n_rows INTEGER NOT NULL",
                    true},
    [AT_QUERY_TAGS] = {"query_tags", 5,
                       "query INTEGER NOT NULL REFERENCES queries, key TEXT NOT NULL,"
                       "item INTEGER NOT NULL, type TEXT NOT NULL, value ANY,"
                       "PRIMARY KEY (query, key, item)",
                       false},
    [AT_ANSWERS] = {"answers", 5,
                    "setting INTEGER NOT NULL REFERENCES settings,"
                    "query INTEGER NOT NULL REFERENCES queries, loss REAL NOT NULL,"
                    "n_completion_tokens INTEGER NOT NULL, self_influence REAL,"
                    "PRIMARY KEY (setting, query)",
                    false},
    [AT_DOCUMENTS] = {"documents", 12,
                      "document INTEGER PRIMARY KEY, document_id TEXT NOT NULL,"
                      "source TEXT NOT NULL, member TEXT, line INTEGER,"
                      "span_start INTEGER NOT NULL, span_end INTEGER NOT NULL,"
                      "n_tokens INTEGER NOT NULL, n_predicted INTEGER NOT NULL,"
                      "hash TEXT NOT NULL, text TEXT, rejected TEXT",
                      true},
    [AT_DOCUMENT_TAGS] = {"document_tags", 5,
                          "document INTEGER NOT NULL REFERENCES documents,"
                          "key TEXT NOT NULL, item INTEGER NOT NULL, type TEXT NOT NULL,"
                          "value ANY, PRIMARY KEY (document, key, item)",
                          false},
    [AT_SELF_INFLUENCES] = {"self_influences", 3,
                            "setting INTEGER NOT NULL REFERENCES settings,"
                            "document INTEGER NOT NULL REFERENCES documents,"
                            "self_influence REAL NOT NULL,"
                            "PRIMARY KEY (setting, document)",
                            false},
    [AT_SCORE_ROWS] = {"scores", 8,
                       "setting INTEGER NOT NULL REFERENCES settings,"
                       "document INTEGER NOT NULL REFERENCES documents,"
                       "query INTEGER NOT NULL REFERENCES queries, score REAL,"
                       "bound REAL, side TEXT CHECK (side IN ('top', 'bottom')),"
                       "rank INTEGER, raw_score REAL,"
                       "PRIMARY KEY (setting, document, query)",
                       false},
    [AT_TOKEN_ROWS] = {"tokens", 9,
                       "setting INTEGER NOT NULL, document INTEGER NOT NULL,"
                       "query INTEGER NOT NULL, position INTEGER NOT NULL,"
                       "token_id INTEGER NOT NULL, text TEXT NOT NULL,"
                       "is_special INTEGER NOT NULL, is_rejected INTEGER NOT NULL,"
                       "score REAL, PRIMARY KEY (setting, document, query, position),"
                       "FOREIGN KEY (setting, document, query) REFERENCES scores",
                       false},
    [AT_MODULES] = {"modules", 2, "module INTEGER PRIMARY KEY, module_name TEXT NOT NULL",
                    true},
    [AT_MODULE_SCORES] = {"module_scores", 5,
                          "setting INTEGER NOT NULL, document INTEGER NOT NULL,"
                          "query INTEGER NOT NULL,"
                          "module INTEGER NOT NULL REFERENCES modules, score REAL,"
                          "PRIMARY KEY (setting, document, query, module),"
                          "FOREIGN KEY (setting, document, query) REFERENCES scores",
                          false},
    [AT_GROUPS] = {"groups", 2,
                   "module_group INTEGER PRIMARY KEY, group_name TEXT NOT NULL", true},
    [AT_GROUP_SCORES] = {"group_scores", 5,
                         "setting INTEGER NOT NULL, document INTEGER NOT NULL,"
                         "query INTEGER NOT NULL,"
                         "module_group INTEGER NOT NULL REFERENCES groups, score REAL,"
                         "PRIMARY KEY (setting, document, query, module_group),"
                         "FOREIGN KEY (setting, document, query) REFERENCES scores",
                         false},
    [AT_CHECKPOINT_ROWS] = {"checkpoints", 5,
                            "checkpoint INTEGER PRIMARY KEY, weight REAL NOT NULL,"
                            "model_hash TEXT NOT NULL, factors_hash TEXT NOT NULL,"
                            "command TEXT NOT NULL",
                            true},
    [AT_CHECKPOINT_SCORES] =
        {"checkpoint_scores", 5,
         "setting INTEGER NOT NULL, document INTEGER NOT NULL, query INTEGER NOT NULL,"
         "checkpoint INTEGER NOT NULL REFERENCES checkpoints, score REAL,"
         "PRIMARY KEY (setting, document, query, checkpoint),"
         "FOREIGN KEY (setting, document, query) REFERENCES scores",
         false},
};

/* 0x61747262 is "atrb". */
const char at_sqlite_marks[] = "PRAGMA application_id = 0x61747262;"
                               "PRAGMA user_version = 3";

const char at_sqlite_finish[] =
    "CREATE INDEX scores_by_query ON scores (setting, query, score);"
    "CREATE INDEX queries_by_id ON queries (query_id);"
    "CREATE INDEX documents_by_id ON documents (document_id);"
    "CREATE INDEX documents_by_source ON documents (source, member, line);"
    "CREATE INDEX document_tags_by_value ON document_tags (key, value);"
    "CREATE INDEX query_tags_by_value ON query_tags (key, value);"
    "CREATE VIEW top_documents AS"
    " SELECT setting, setting_name, query, query_id, prompt, completion, rank, side,"
    " score, document, document_id, source, member, line,"
    " (SELECT group_concat(key || '=' || coalesce(value, 'null'), '; ')"
    " FROM document_tags WHERE document_tags.document = scores.document) AS tags, text"
    " FROM scores JOIN settings USING (setting) JOIN queries USING (query)"
    " JOIN documents USING (document) WHERE rank IS NOT NULL"
    " ORDER BY setting, query, rank;"
    "CREATE VIEW mean_score_by_tag AS"
    " SELECT setting, setting_name, query, query_id, key, value, count(*) AS n_documents,"
    " avg(score) AS mean_score"
    " FROM document_tags JOIN scores USING (document) JOIN settings USING (setting)"
    " JOIN queries USING (query) GROUP BY setting, query, key, value;"
    "CREATE VIEW queries_of_documents AS"
    " SELECT setting, setting_name, document, document_id, query, query_id, prompt,"
    " completion, score, rank, side"
    " FROM scores JOIN settings USING (setting) JOIN queries USING (query)"
    " JOIN documents USING (document) ORDER BY setting, document, score DESC;"
    "CREATE VIRTUAL TABLE documents_fts USING"
    " fts5(text, content = 'documents', content_rowid = 'document');"
    "INSERT INTO documents_fts (documents_fts) VALUES ('rebuild');"
    "ANALYZE";
