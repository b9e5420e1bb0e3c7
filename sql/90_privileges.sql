-- The last word: nothing of ours is open to PUBLIC.

REVOKE ALL ON ALL TABLES IN SCHEMA quantmesh FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA quantmesh FROM PUBLIC;
REVOKE ALL ON TYPE quantmesh.placement, quantmesh.report_result, quantmesh.cancellation, quantmesh.task_item FROM PUBLIC;
