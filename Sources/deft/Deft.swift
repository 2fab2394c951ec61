import Pipeline
@main struct Deft { static func main() {} }
