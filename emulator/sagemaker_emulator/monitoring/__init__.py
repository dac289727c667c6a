"""CloudWatch and EventBridge, as far as something depends on them: metrics, alarms, and who is told.

data        what was put, by metric            statistics   a number for each period
expressions metric math as written             arithmetic   metric math computed
filling     FILL's REPEAT and LINEAR           reads        PutMetricData, GetMetricStatistics, GetMetricData
queries     MetricDataQueries                  operators    what + and ABS do
evaluation  points to a state (pure)           reasons      the state in CloudWatch's sentences
definitions an alarm's rule, queries, periods  alarms       states: born, evaluated, set
watcher     the thread that evaluates          alarm_requests  the operations on alarms
actions     what follows from a change         messages     what SNS and EventBridge hear of it
history     DescribeAlarmHistory               events       what services send to EventBridge by themselves
states      a state at a moment                errands      the thread that tells others
log_keys    the keys of CloudWatch's log groups
rules       how EventBridge delivers (loaded with its first request)
"""

from sagemaker_emulator.monitoring import alarm_requests as alarm_requests
from sagemaker_emulator.monitoring import alarms as alarms
from sagemaker_emulator.monitoring import events as events
from sagemaker_emulator.monitoring import log_keys as log_keys
from sagemaker_emulator.monitoring import reads as reads
