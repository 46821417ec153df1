/* Addresses, bits and headers, written by `python -m flow.hardware.register_map`. */
#ifndef BNN_REGISTERS_H
#define BNN_REGISTERS_H

#define BNN_MAGIC 0x424E4E46u
#define BNN_SHELL_VERSION 2u
#define BNN_ADDRESS_MAGIC 0x000u
#define BNN_ADDRESS_VERSION 0x004u
#define BNN_ADDRESS_CAPABILITIES 0x008u
#define BNN_ADDRESS_CONTROL 0x00Cu
#define BNN_ADDRESS_STATUS 0x010u
#define BNN_ADDRESS_FRAMES_IN 0x014u
#define BNN_ADDRESS_FRAMES_OUT 0x018u
#define BNN_ADDRESS_IN_STALLS 0x01Cu
#define BNN_ADDRESS_IN_STARVED 0x020u
#define BNN_ADDRESS_OUT_STALLS 0x024u
#define BNN_ADDRESS_CYCLE 0x028u
#define BNN_ADDRESS_FIRST_IN 0x030u
#define BNN_ADDRESS_FIRST_OUT 0x038u
#define BNN_ADDRESS_LAST_OUT 0x040u
#define BNN_ADDRESS_IDENTITY 0x080u
#define BNN_ADDRESS_WEIGHTS 0x0C0u
#define BNN_ADDRESS_LOAD_WORDS 0x0E0u
#define BNN_CAPABILITIES_LOADABLE 1u
#define BNN_CONTROL_RESET 1u
#define BNN_CONTROL_CLEAR 2u
#define BNN_CONTROL_LOAD 4u
#define BNN_STATUS_BUSY 1u
#define BNN_STATUS_PACKET_ERROR 2u
#define BNN_STATUS_IN_RESET 4u
#define BNN_STATUS_LOADED 8u
#define BNN_STATUS_LOADING 16u
#define BNN_STATUS_LOAD_ERROR_SHIFT 8u
#define BNN_STATUS_LOAD_ERROR_MASK 7u
#define BNN_LOAD_MAGIC 0x574E4E42u
#define BNN_LOAD_VERSION 1u
#define BNN_LOAD_HASH_WORD 3u
#define BNN_LOAD_HEADER_WORDS 11u

/* What the error of the loader in the status register means: X(code, text). */
#define BNN_LOAD_ERRORS(X) \
  X(1, "what came does not begin as a weight image") \
  X(2, "the format version of the image is not the accelerator's") \
  X(3, "the image has another number of words than the accelerator's memories") \
  X(4, "the CRC is wrong: words were changed on the way")

#endif
