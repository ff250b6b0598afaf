"""A changed production task is an event, whoever wrote it, so that open pages follow PCS.

The rows of a transaction are noted as they are written, and announced when it commits: then only
may the lock that orders events be taken, and an import of thousands is one event per campaign.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# In a setting of the transaction, each campaign's key with its task; null once there are several.
_NOTE = """
CREATE FUNCTION pcs_note_task_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted jsonb := coalesce(nullif(current_setting('prodops.changed_tasks', true), ''), '{}');
    task record;
BEGIN
    FOR task IN
        SELECT coalesce(campaign_id, 0) AS campaign, name
        FROM (VALUES (OLD.campaign_id, OLD.name), (NEW.campaign_id, NEW.name))
            AS row (campaign_id, name)
        WHERE name IS NOT NULL
    LOOP
        noted := noted || jsonb_build_object(task.campaign, CASE
            WHEN NOT noted ? task.campaign::text OR noted->>task.campaign::text = task.name
            THEN task.name END);
    END LOOP;
    PERFORM set_config('prodops.changed_tasks', noted::text, true);
    RETURN NULL;
END $$
"""
# The lock, the channel and the fields are those of flows/common/events.py. Names of tasks and
# campaigns are ASCII.
_ANNOUNCE = """
CREATE FUNCTION pcs_announce_task_changes() RETURNS trigger LANGUAGE plpgsql
SET timezone = 'UTC' AS $$
DECLARE
    noted text := nullif(current_setting('prodops.changed_tasks', true), '');
BEGIN
    IF noted IS NULL THEN  -- by an earlier row of the transaction
        RETURN NULL;
    END IF;
    PERFORM set_config('prodops.changed_tasks', '', true);
    PERFORM pg_advisory_xact_lock(1886547812), pg_notify('prodops_event', '');
    INSERT INTO event (at, msg_type, namespace, processed_by, subject, payload)
    SELECT moment, 'prodtask_changed', 'prodops', 'prodops', changed.task, json_build_object(
        'msg_type', 'prodtask_changed', 'namespace', 'prodops', 'sender', 'prodops',
        'processed_by', 'prodops', 'task_name', changed.task, 'campaign', campaign.name,
        'timestamp', moment, 'sender_agent', 'prodops', 'recipient_agent', NULL,
        'queue_name', 'epictopic', 'sent_at', moment)
    FROM clock_timestamp() AS moment,
         jsonb_each_text(noted::jsonb) AS changed (campaign_id, task)
         LEFT JOIN pcs_campaign AS campaign ON campaign.id = changed.campaign_id::int;
    RETURN NULL;
END $$
"""
_TRIGGERS = (
    """
    CREATE TRIGGER pcs_prod_task_note AFTER INSERT OR UPDATE OR DELETE ON pcs_prod_task
    FOR EACH ROW EXECUTE FUNCTION pcs_note_task_change()
    """,
    """
    CREATE CONSTRAINT TRIGGER pcs_prod_task_announce
    AFTER INSERT OR UPDATE OR DELETE ON pcs_prod_task DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pcs_announce_task_changes()
    """,
)


def upgrade() -> None:
    for statement in (_NOTE, _ANNOUNCE, *_TRIGGERS):
        op.execute(statement)
