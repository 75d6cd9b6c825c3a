"""Training inside a job: coefficients on a shared basis, a full LoRA beside them, and a student for a teacher."""
