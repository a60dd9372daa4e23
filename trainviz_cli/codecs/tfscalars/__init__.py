"""Scalar events of TensorBoard, as columns.

An event of one scalar is some forty bytes, of which all but the time, the step and the value are
the same for every event of its tag. So events are made, and taken apart, a column at a time. What
else an event may hold, `tfevent` knows.

Source: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto; protobuf's wire
format.
"""
